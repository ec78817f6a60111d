"""What a row of history leaves out to fit."""

from typing import Any

import bson
import pytest
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.history.models import HistoryRow
from docustore.history.rows import (
    MAX_ROW_BYTES,
    fitted,
)


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
