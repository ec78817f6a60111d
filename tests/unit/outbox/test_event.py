"""The event of a row: the user as clients see it, and a body of a bounded size."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from docustore.outbox.event import MAX_BODY_BYTES, body_of, event_of

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
USER_ID = ObjectId("6b036b42dddea18c01e9b78e")
ADA: dict[str, Any] = {
    "_id": USER_ID,
    "email": "ada@example.org",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "status": "active",
    "created_at": AT,
    "updated_at": AT,
    "version": 3,
    "identities": [{"key": "crm:1"}],
    "search_terms": ["ada"],
}


def row(kind: str = "update", number: int = 12) -> dict[str, Any]:
    return {"number": number, "kind": kind, "user_id": USER_ID, "at": AT}


def history(after: Any = ADA, **fields: Any) -> dict[str, Any]:
    return {"after": after, "changes": {}, "source": "etl:crm", **fields}


def test_body_has_the_shape_of_the_standard() -> None:
    changes = {"email": {"before": "old@example.org", "after": "ada@example.org"}}
    cause = {"actor": "api:key", "request_id": "r1", "secret": "x", "run_id": None}

    body = json.loads(body_of(event_of(row(), history(changes=changes, cause=cause))))

    assert body["type"] == "user.updated"
    assert body["timestamp"] == "2026-01-31T12:00:00Z"
    user = body["data"].pop("user")
    assert body["data"] == {
        "number": 12,
        "operation": "update",
        "user_id": str(USER_ID),
        "is_partial": False,
        "changed": ["email"],
        "source": "etl:crm",
        "cause": {"actor": "api:key", "request_id": "r1"},
    }
    assert (user["id"], user["email"], user["full_name"], user["version"]) == (
        str(USER_ID),
        "ada@example.org",
        "Ada Lovelace",
        3,
    )
    assert not {"identities", "search_terms", "password_hash"} & user.keys()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("insert", "user.created"),
        ("update", "user.updated"),
        ("delete", "user.deleted"),
        ("restore", "user.restored"),
    ],
)
def test_type_follows_the_kind(kind: str, expected: str) -> None:
    assert event_of(row(kind), history()).type == expected


@pytest.mark.parametrize("after", [None, {**ADA, "deleted_at": AT}])
def test_deleted_user_is_null(after: Any) -> None:
    event = event_of(row("delete"), history(after))

    assert (event.user, event.is_partial) == (None, False)


@pytest.mark.parametrize(
    ("known", "is_partial"),
    [
        (None, True),
        ({"changes": {}, "source": "x"}, True),
        (history(omitted=["blob"]), True),
        (history({**ADA, "first_name": ObjectId()}), True),
        (history({**ADA, "profile": {"bio": ObjectId()}}), True),
        (history({**ADA, "created_at": ObjectId()}), True),
        (history(), False),
    ],
)
def test_what_is_not_whole_says_so(known: Any, is_partial: bool) -> None:
    """Removed by retention, too large, or of other types: another client wrote it."""
    event = event_of(row(), known)

    assert event.is_partial is is_partial
    assert json.loads(body_of(event))["data"]["number"] == 12


def test_new_user_has_no_changed_fields() -> None:
    assert event_of(row("insert"), history(changes={"email": {"after": "x"}})).changed == []


def test_unknown_cause_is_null() -> None:
    assert event_of(row(), history()).cause is None
    assert event_of(row(), history(cause={"actor": None})).cause is None


def test_large_user_is_left_out() -> None:
    large = {**ADA, "tags": ["x" * 1000] * 300}

    body = body_of(event_of(row(), history(large)))

    assert len(body) <= MAX_BODY_BYTES
    assert (json.loads(body)["data"]["user"], json.loads(body)["data"]["is_partial"]) == (None, True)


def test_thousands_of_changed_fields_are_left_out() -> None:
    changes = {f"field_{n}_{'x' * 100}": {"after": 1} for n in range(5000)}

    body = body_of(event_of(row("delete"), history(None, changes=changes)))

    assert len(body) <= MAX_BODY_BYTES
    assert json.loads(body)["data"]["changed"] == []


def test_equal_events_have_equal_bodies() -> None:
    """A repeated delivery must be the same message."""
    assert body_of(event_of(row(), history())) == body_of(event_of(row(), history()))
