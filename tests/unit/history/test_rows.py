from typing import Any

import bson
import pytest
from bson import Int64
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.history.models import HistoryRow
from docustore.history.rows import (
    MAX_CAUSE_CHARS,
    MAX_ROW_BYTES,
    cause_of,
    changed_fields,
    fitted,
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


def _row(**fields: Any) -> HistoryRow:
    row: dict[str, Any] = {
        "_id": 1,
        "event_id": "82",
        "operation": "update",
        "user_id": 1,
        "changes": {},
        "after": {"_id": 1},
        "valid_from": None,
        "cluster_time": Timestamp(1, 1),
        "source": "external",
    }
    return row | fields  # type: ignore[return-value]


def test_row_that_fits_stays_as_it_is() -> None:
    row = _row()

    assert fitted(row) is row


def test_doubled_values_are_left_out_first() -> None:
    after = RawBSONDocument(bson.encode({"_id": 1, "blob": "x" * 10_000_000}))
    changes = {"blob": {"before": "y" * 10_000_000, "after": "x" * 10_000_000}, "status": {"after": "active"}}

    row = fitted(_row(after=after, changes=changes))

    assert row["changes"] == {"blob": {"omitted": True}, "status": {"after": "active"}}
    assert row["after"] is after
    assert "omitted" not in row


def test_largest_fields_are_left_out_and_named() -> None:
    after = RawBSONDocument(bson.encode({"_id": 1, "blob": "x" * (MAX_ROW_BYTES - 50), "status": "active"}))

    row = fitted(_row(after=after))

    assert row["after"] == {"_id": 1, "status": "active"}
    assert row["omitted"] == ["blob"]
    assert len(bson.encode(row)) <= MAX_ROW_BYTES


LARGEST_ROW_BYTES = 16 * 1024 * 1024 - 4096  # what the server stores, less room for a few fields


def _row_of(size: int, *, in_changes: bool) -> HistoryRow:
    """A row of exactly this many bytes, filled by a field of `after` or of `changes`."""

    def filled(chars: int) -> HistoryRow:
        text = "x" * chars
        return _row(changes={"bio": {"after": text}}) if in_changes else _row(after={"_id": 1, "bio": text})

    return filled(size - _measured(filled(0)))


def _measured(row: HistoryRow) -> int:
    """The bytes of what holds values of the user; the rest has room beyond the limit."""
    return len(bson.encode({name: row[name] for name in ("user_id", "changes", "after")}))  # type: ignore[literal-required]


@pytest.mark.parametrize("in_changes", [False, True])
def test_row_of_the_largest_size_stays_as_it_is(*, in_changes: bool) -> None:
    row = _row_of(LARGEST_ROW_BYTES, in_changes=in_changes)

    assert _measured(row) == LARGEST_ROW_BYTES
    assert fitted(row) is row


def test_changes_of_a_row_one_byte_too_large_go() -> None:
    row = fitted(_row_of(LARGEST_ROW_BYTES + 1, in_changes=True))

    assert row["changes"] == {"bio": {"omitted": True}}
    assert row["after"] == {"_id": 1}
    assert "omitted" not in row


def test_fields_of_a_row_one_byte_too_large_go() -> None:
    row = fitted(_row_of(LARGEST_ROW_BYTES + 1, in_changes=False))

    assert row["after"] == {"_id": 1}
    assert row["omitted"] == ["bio"]


@pytest.mark.parametrize(("over", "is_cut"), [(0, False), (1, True)])
def test_row_that_fits_without_its_changes_keeps_its_fields(over: int, *, is_cut: bool) -> None:
    """Its changes go because of their size; the rest may be as large as the largest row."""
    placeholder = _row(changes={"bio": {"omitted": True}}, after={"_id": 1, "note": ""})
    note = "n" * (LARGEST_ROW_BYTES + over - _measured(placeholder))
    row = _row(changes={"bio": {"after": "x" * 100_000}}, after={"_id": 1, "note": note})

    slim = fitted(row)

    assert slim["changes"] == {"bio": {"omitted": True}}
    assert slim.get("omitted") == (["note"] if is_cut else None)
    assert slim["after"] == ({"_id": 1} if is_cut else {"_id": 1, "note": note})


@pytest.mark.parametrize(("over", "is_left_out"), [(0, False), (1, True)])
def test_changed_value_above_64_kib_is_left_out(over: int, *, is_left_out: bool) -> None:
    value = "y" * (64 * 1024 + over - len(bson.encode({"after": ""})))
    row = _row(changes={"bio": {"after": value}}, after={"_id": 1, "blob": "x" * LARGEST_ROW_BYTES})

    assert fitted(row)["changes"]["bio"] == ({"omitted": True} if is_left_out else {"after": value})


@pytest.mark.parametrize(("over", "omitted"), [(0, ["blob"]), (1, ["blob", "half"])])
def test_smallest_fields_stay_up_to_8_mib(over: int, omitted: list[str]) -> None:
    half = "h" * (8 * 1024 * 1024 + over - len(bson.encode({"_id": 1})) - len(bson.encode({"half": ""})))
    after = {"blob": "x" * LARGEST_ROW_BYTES, "half": half, "_id": 1}

    row = fitted(_row(after=after))

    assert row["omitted"] == omitted
    assert list(row["after"] or {}) == [name for name in after if name not in omitted]


def test_many_medium_changes_are_reduced_until_the_row_fits() -> None:
    changes = {f"field_{n}": {"before": "x" * 60_000} for n in range(300)}

    row = fitted(_row(changes=changes, after=None))

    kept = {name for name, change in row["changes"].items() if change != {"omitted": True}}
    assert row["changes"].keys() == changes.keys()
    assert 0 < len(kept) < len(changes)
    assert "omitted" not in row
    assert _measured(row) <= 4 * 1024 * 1024 + len(changes) * 40


@pytest.mark.parametrize(
    ("before", "after"),
    [({"profile": {"bio": "old"}}, {"profile": "none"}), ({"profile": "none"}, {"profile": {"bio": "new"}})],
)
def test_document_that_replaces_another_type_is_whole(before: Any, after: Any) -> None:
    assert changed_fields(before, after) == {"profile": {"before": before["profile"], "after": after["profile"]}}
    assert changed_fields({"outer": before}, {"outer": after}) == {"outer": {"before": before, "after": after}}


def test_date_that_python_cannot_hold_stays_when_fields_go() -> None:
    """The year 20000, written by another client, must not stop the stream."""
    content = {"_id": 1, "at": DatetimeMS(10**15), "blob": "x" * LARGEST_ROW_BYTES}
    after = RawBSONDocument(bson.encode(content))

    row = fitted(_row(after=after))

    assert row["after"] == {"_id": 1, "at": DatetimeMS(10**15)}


@pytest.mark.parametrize(("others", "omitted"), [(0, 0), (1, 1)])
def test_changes_stay_up_to_4_mib(others: int, omitted: int) -> None:
    """The smallest stay; 64 changes of 64 KiB are exactly the limit."""
    full = {"before": "x" * (64 * 1024 - len(bson.encode({"before": ""})))}
    changes = {f"field_{n}": dict(full) for n in range(64)} | {
        f"small_{n}": {"before": "y"} for n in range(others)
    }

    row = fitted(_row(changes=changes, after={"_id": 1, "blob": "x" * LARGEST_ROW_BYTES}))

    assert sum(change == {"omitted": True} for change in row["changes"].values()) == omitted


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
