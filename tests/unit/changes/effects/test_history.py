"""History rows: equal from stream and snapshot, and never too large."""

from itertools import count
from typing import Any

import bson
import pytest
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.changes.comparison import Comparison
from docustore.changes.effects.history import UNMEASURED_IMAGE_BYTES, HistoryEffect, history_row, number_rows
from docustore.changes.events import Change, user_key
from docustore.changes.images import Recorded, resolve_with
from docustore.history.rows import BOOKKEEPING, MAX_ROW_BYTES
from tests.unit.changes.make import effect_of, make_change

ADA: dict[str, Any] = {"_id": 1, "status": "active", "updated_by": "etl:crm", "version": 1}
BLOB = "x" * 6_000_000
# The largest user that the server stores, and one that needs reduced changes as well.
LARGEST = "x" * (16 * 1024 * 1024 - 200)
MANY = {f"field_{n}": "x" * 60_000 for n in range(240)}
NEXT = {"version": 2, "updated_by": "api:k", "cause": {"actor": "api:k", "request_id": "r"}}


def _raw(image: Any) -> RawBSONDocument | None:
    return None if image is None else RawBSONDocument(bson.encode(image))


def _streamed(before: Any, after: Any) -> Change:
    """Make the change of an event; the pipeline drops bookkeeping from pre-images."""
    operation = "insert" if before is None else "delete" if after is None else "update"
    dropped = BOOKKEEPING - {"_id", "version"}
    sent = before and {name: value for name, value in before.items() if name not in dropped}
    return make_change(operation, before=sent, after=after)


def _compared(before: Any, after: Any) -> Change:
    """Make the change of the snapshot, which knows the state before from history."""
    found = Comparison(cluster_time=Timestamp(1, 1), numbers=count(1))
    if before is None:
        return found.first(RawBSONDocument(bson.encode(after)))
    recorded = Recorded(after=_raw(before), omitted=frozenset())
    if after is None:
        return found.deleted(before["_id"], recorded)
    (change,) = found.changed([RawBSONDocument(bson.encode(after))], {user_key(before["_id"]): recorded})
    return change


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, ADA, id="new"),
        pytest.param(ADA, None, id="deleted"),
        pytest.param(ADA, ADA | NEXT | {"status": "inactive"}, id="changed"),
        pytest.param(ADA, ADA | {"status": "inactive"}, id="changed by another client"),
        pytest.param(ADA | {"profile": {"a": 1, "b": 2}}, ADA | NEXT | {"profile": {"a": 1}}, id="nested"),
        pytest.param(ADA | {"identities": [1]}, ADA | NEXT | {"identities": [2]}, id="bookkeeping"),
        pytest.param(None, ADA | {"blob": LARGEST}, id="new at the limit"),
        pytest.param(ADA | {"blob": LARGEST}, None, id="deleted at the limit"),
        pytest.param(ADA | {"blob": LARGEST}, ADA | NEXT | {"blob": LARGEST}, id="changed at the limit"),
        pytest.param(ADA | {"blob": BLOB}, ADA | NEXT | {"blob": BLOB + "y"}, id="doubled value"),
        pytest.param(ADA | MANY, ADA | NEXT | {n: v[1:] for n, v in MANY.items()}, id="many doubled values"),
        pytest.param(ADA, ADA | NEXT | {"blob": "x" * UNMEASURED_IMAGE_BYTES}, id="at the measuring threshold"),
    ],
)
def test_stream_and_snapshot_give_equal_rows(before: Any, after: Any) -> None:
    streamed = history_row(_streamed(before, after))
    compared = history_row(_compared(before, after))

    for name in ("user_id", "changes", "after", "omitted", "source", "cause"):
        assert streamed.get(name) == compared.get(name), name
    assert max(len(bson.encode(streamed)), len(bson.encode(compared))) <= MAX_ROW_BYTES + 4096


@pytest.mark.parametrize("slack", range(-200, 201, 20))
def test_rows_near_the_limit_are_reduced_alike(slack: int) -> None:
    """Fields that differ by caller, such as `event_id`, must not decide."""
    after = ADA | {"blob": "x" * (MAX_ROW_BYTES - 130 + slack)}

    streamed = history_row(_streamed(None, after))
    compared = history_row(_compared(None, after))

    assert streamed.get("omitted") == compared.get("omitted")


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_row_is_measured_by_its_images(operation: str) -> None:
    """An event without images is small, but its images may be large."""
    event = make_change(operation)
    before, after = ADA | {"blob": LARGEST}, ADA | {"blob": LARGEST[:-1]}
    key = event.user_key

    (change,) = resolve_with(
        [event],
        wanting=[event],
        recorded={key: Recorded(after=_raw(before), omitted=frozenset())},
        current={key: RawBSONDocument(bson.encode(after))} if operation == "update" else {},
    )
    row = history_row(change)

    assert event.size_bytes < 1000
    assert len(bson.encode(row)) <= MAX_ROW_BYTES + 4096


def test_broken_utf8_that_triples_still_fits() -> None:
    """Below the threshold no row is measured, so the worst row must fit."""
    worst = "x" * (UNMEASURED_IMAGE_BYTES - 1000)
    image = bson.encode({"_id": 1, "blob": worst}).replace(worst.encode(), b"\xff" * len(worst))

    row = history_row(make_change("update", before={"_id": 1}, after=RawBSONDocument(image)))

    assert len(bson.encode(row)) <= MAX_ROW_BYTES


@pytest.mark.parametrize("lasts", [(44,), (44, 47)])
def test_rows_are_numbered_up_to_the_last(lasts: tuple[int, ...]) -> None:
    """A repeated transaction may number the same rows anew."""
    rows = effect_of(HistoryEffect, [make_change("insert", after=ADA | {"_id": n}) for n in range(3)]).rows

    for last in lasts:
        number_rows(rows, last=last)

    assert [row["_id"] for row in rows] == [lasts[-1] - 2, lasts[-1] - 1, lasts[-1]]
    assert {type(row["_id"]) for row in rows} == {Int64}
    assert {next(iter(row)) for row in rows} == {"_id"}


def test_row_of_an_irrelevant_change_lists_it() -> None:
    (row,) = effect_of(HistoryEffect, [make_change("update", before=ADA, after=ADA | {"tags": ["x"]})]).rows

    assert row["changes"] == {"tags": {"after": ["x"]}}


def test_batch_knows_the_bytes_of_its_images() -> None:
    """They decide how the rows are written: one command holds 16 MB."""
    changes = [make_change("insert", after=ADA), make_change("delete", before=ADA)]

    assert effect_of(HistoryEffect, changes)._image_bytes == sum(change.size_bytes for change in changes)
