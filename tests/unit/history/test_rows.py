from typing import Any

import bson
import pytest
from bson import Int64

from docustore.history.rows import (
    MAX_CAUSE_CHARS,
    cause_of,
    changed_fields,
    same_value,
    source_of,
)


def test_first_image_has_no_changes() -> None:
    assert changed_fields(None, {"email": "a@example.org"}) == {}


def test_deletion_lists_what_was() -> None:
    before = {"_id": 1, "email": "a@example.org", "version": 3}

    assert changed_fields(before, None) == {"email": {"before": "a@example.org"}}


def test_changed_added_and_removed_fields() -> None:
    before = {"status": "active", "phone": "1", "roles": ["user"]}
    after = {"status": "inactive", "tags": ["x"], "roles": ["user"]}

    assert changed_fields(before, after) == {
        "status": {"before": "active", "after": "inactive"},
        "tags": {"after": ["x"]},
        "phone": {"before": "1"},
    }


def test_documents_are_reduced_to_differing_parts() -> None:
    before = {"profile": {"bio": "old", "location": "X", "preferences": {"theme": "light", "language": "en"}}}
    after = {"profile": {"bio": "new", "location": "X", "preferences": {"theme": "dark", "language": "en"}}}

    assert changed_fields(before, after) == {
        "profile": {
            "before": {"bio": "old", "preferences": {"theme": "light"}},
            "after": {"bio": "new", "preferences": {"theme": "dark"}},
        }
    }


@pytest.mark.parametrize("name", ["identities", "search_terms", "version", "updated_at", "updated_by", "cause"])
def test_bookkeeping_is_no_change(name: str) -> None:
    assert changed_fields({name: 1}, {name: 2}) == {}


@pytest.mark.parametrize(
    ("before", "after", "source"),
    [
        (None, {"updated_by": "etl:crm", "version": 1}, "etl:crm"),
        ({"version": 1}, {"updated_by": "api:k", "version": 2}, "api:k"),
        ({"version": 1, "updated_by": "api:k"}, {"updated_by": "api:k", "version": 1}, "external"),
        (None, {}, "external"),
        (None, {"updated_by": {"$set": 1}}, "external"),
        ({"updated_by": "api:k", "version": 1}, None, "external"),
    ],
)
def test_source_is_who_moved_the_version_on(before: Any, after: Any, source: str) -> None:
    assert source_of(before, after) == source


@pytest.mark.parametrize(
    ("stored", "source", "cause"),
    [
        ({"actor": "api:k", "request_id": "r"}, "api:k", {"actor": "api:k", "request_id": "r"}),
        ({"actor": "etl:crm", "run_id": "1", "more": "x"}, "etl:crm", {"actor": "etl:crm", "run_id": "1"}),
        ({"actor": "api:k", "reason": 5}, "api:k", {"actor": "api:k"}),
        ({"actor": "external"}, "external", None),
        ({"actor": "etl:crm"}, "api:k", None),
        ("etl:crm", "etl:crm", None),
        (None, "etl:crm", None),
    ],
)
def test_cause_is_that_of_the_writer(stored: Any, source: str, cause: Any) -> None:
    """A writer that does not know causes leaves the one of an earlier write."""
    assert cause_of({"cause": stored}, source=source) == cause


def test_user_without_a_cause_has_none() -> None:
    assert cause_of({}, source="etl:crm") is None
    assert cause_of(None, source="etl:crm") is None


def test_cause_of_another_client_is_cut() -> None:
    """It is stored beside both images and is not measured."""
    stored = {"actor": "etl:crm", "reason": "x" * (MAX_CAUSE_CHARS + 1)}

    assert cause_of({"cause": stored}, source="etl:crm") == {**stored, "reason": "x" * MAX_CAUSE_CHARS}


@pytest.mark.parametrize(
    ("before", "after"),
    [({"profile": {"bio": "old"}}, {"profile": "none"}), ({"profile": "none"}, {"profile": {"bio": "new"}})],
)
def test_document_that_replaces_another_type_is_whole(before: Any, after: Any) -> None:
    assert changed_fields(before, after) == {"profile": {"before": before["profile"], "after": after["profile"]}}
    assert changed_fields({"outer": before}, {"outer": after}) == {"outer": {"before": before, "after": after}}


NAN = float("nan")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1, True),
        (0, False),
        (1, 1.0),
        (1, Int64(1)),
        ("1", 1),
        ([1], [True]),
        (["a"], ["b"]),
        (["a"], ["a", "a"]),
        (["a", 1], ["a", True]),
        ({"a": 0}, {"a": False}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (None, False),
    ],
)
def test_change_of_type_or_order_is_a_change(before: Any, after: Any) -> None:
    assert not same_value(before, after)
    assert "score" in changed_fields({"score": before}, {"score": after})


@pytest.mark.parametrize(
    "value",
    [NAN, [NAN], [], ["a", "b"], ["a", NAN], {"a": {"b": NAN}}, 1, "x", None, Int64(1), {"a": [1, {"b": 2}]}],
)
def test_equal_bson_is_no_change(value: Any) -> None:
    """NaN differs from itself in Python, but not as a stored value."""
    before, after = bson.decode(bson.encode({"v": value})), bson.decode(bson.encode({"v": value}))

    assert same_value(before["v"], after["v"])
    assert changed_fields(before, after) == {}


def test_type_is_compared_in_nested_documents() -> None:
    changes = changed_fields({"profile": {"a": 1, "n": NAN}}, {"profile": {"a": True, "n": float("nan")}})

    assert changes == {"profile": {"before": {"a": 1}, "after": {"a": True}}}
