"""What a reader of the feed sees of a change."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from docustore.feed.events import feed_event
from docustore.users.views import UserView
from tests.feed_rows import AT, read_row

DELETED = {"email": "ada@example.org", "deleted_at": AT, "version": 3}


def shown(**fields: Any) -> dict[str, Any]:
    return json.loads(feed_event(read_row(7, **fields)).data)


def test_user_is_the_response_of_the_route() -> None:
    change = shown(after={"email": "ada@example.org", "password_hash": "secret", "salary": 5, "version": 2})

    assert change["user"].keys() == set(UserView.__struct_fields__)
    assert "secret" not in json.dumps(change)
    assert (change["id"], change["user_id"]) == (7, change["user"]["id"])


def test_deleted_user_is_not_shown() -> None:
    """`GET /users/{id}` answers 410 for it."""
    assert shown(after=DELETED)["user"] is None
    assert shown(after=DELETED, operation="insert")["user"] is None


@pytest.mark.parametrize(
    ("fields", "operation"),
    [
        ({"operation": "insert"}, "insert"),
        ({"operation": "update"}, "update"),
        ({"operation": "replace"}, "update"),
        ({"operation": "delete", "after": None}, "delete"),
        ({"operation": "update", "after": DELETED, "mark": {"before": None, "after": AT}}, "delete"),
        ({"operation": "update", "mark": {"before": AT, "after": None}}, "restore"),
        ({"operation": "replace", "mark": {"before": AT}}, "restore"),
        ({"operation": "update", "after": DELETED}, "update"),
        ({"operation": "snapshot"}, "snapshot"),
        ({"operation": "recovered"}, "recovered"),
        ({"operation": "recovered", "after": None}, "delete"),
    ],
)
def test_operation_is_what_a_client_sees(fields: dict[str, Any], operation: str) -> None:
    assert shown(**fields)["operation"] == operation


def test_fields_that_the_response_lacks_are_not_named() -> None:
    assert shown(changed=["status", "salary", "email"])["changed"] == ["email", "status"]


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {"status"}),
        ({"changed": []}, set()),
        ({"operation": "insert", "changed": []}, None),
        ({"operation": "delete", "after": None}, None),
        ({"changed": ["deleted_at"], "mark": {"after": None}}, None),
        ({"operation": "snapshot", "changed": []}, None),
        ({"operation": "recovered", "changed": []}, None),
        ({"operation": "recovered"}, {"status"}),
        # The state before was not known, so no difference is known.
        ({"changed": [], "approximate": True}, None),
    ],
)
def test_changed_fields_are_known_for_updates(fields: dict[str, Any], changed: set[str] | None) -> None:
    assert feed_event(read_row(**fields)).changed == changed


@pytest.mark.parametrize(
    "after",
    [
        {"email": 5, "first_name": {"a": 1}, "version": "x"},
        {"profile": {"bio": Decimal128("1.5")}, "version": 1},
        {"tags": [float("nan"), datetime(9999, 1, 1, tzinfo=UTC)], "roles": [b"\x00"]},
        {"first_name": object()},
    ],
)
def test_user_of_any_shape_makes_an_event(after: dict[str, Any]) -> None:
    """Other clients write users of any shape; one of them must not end the feed."""
    change = shown(after=after)

    assert change["id"] == 7
    assert change["user"] is not None or change["omitted"] == ["user"]


def test_cause_has_its_four_facts_only() -> None:
    cause = {"actor": "api:k1", "run_id": None, "request_id": "r1", "address": "10.0.0.1"}

    assert shown(cause=cause)["cause"] == {"actor": "api:k1", "request_id": "r1"}
    assert "cause" not in shown(cause=None)


def test_id_of_any_type_can_be_compared() -> None:
    assert feed_event(read_row(user_id={"a": [1]})).user_key == "{'a': [1]}"


def test_numbers_of_the_driver_are_numbers() -> None:
    change = json.loads(feed_event(read_row(Int64(7), after={"version": Int64(3)})).data)

    assert (change["id"], change["user"]["version"]) == (7, 3)


def test_event_is_one_line() -> None:
    assert b"\n" not in feed_event(read_row(after={"first_name": "a\nb"})).data
