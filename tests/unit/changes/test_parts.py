"""Batches cut into transactions, and batches joined."""

from datetime import UTC, datetime

from docustore.changes.follow import MAX_TRANSACTION_BYTES, parts
from docustore.changes.read_ahead import merged
from tests.unit.changes.make import make_batch, make_event, token_at

MAY_1 = datetime(2024, 5, 1, tzinfo=UTC)
ADA = {"_id": 1, "status": "active", "created_at": MAY_1, "updated_by": "etl:crm", "version": 1}


def test_batch_is_cut_by_events() -> None:
    events = [make_event("insert", after=ADA | {"_id": n}, seconds=n + 1) for n in range(5)]
    batch = make_batch(events, token=token_at(9), batch_size=1000)

    cut = list(parts(batch, max_events=2))

    assert [len(changes) for changes, _ in cut] == [2, 2, 1]
    assert [reached.token for _, reached in cut] == [token_at(2), token_at(4), token_at(9)]
    assert [reached.is_exact for _, reached in cut] == [False, False, True]


def test_batch_is_cut_by_bytes() -> None:
    blob = "x" * (MAX_TRANSACTION_BYTES // 2 - 1000)
    events = [make_event("insert", after={"_id": n, "blob": blob}, seconds=n + 1) for n in range(3)]
    batch = make_batch(events, token=token_at(9), batch_size=1000)

    assert [len(changes) for changes, _ in parts(batch, max_events=1000)] == [2, 1]


def test_event_larger_than_a_part_goes_alone() -> None:
    events = [make_event("insert", after={"_id": 1, "blob": "x" * (MAX_TRANSACTION_BYTES + 1)})]
    batch = make_batch(events, token=token_at(9), batch_size=1000)

    assert [len(changes) for changes, _ in parts(batch, max_events=1000)] == [1]


def test_merged_batches_stand_where_the_last_one_stands() -> None:
    first = make_batch([make_event("insert", after=ADA, seconds=1)], token=token_at(2), batch_size=1000)
    last = make_batch([], token=token_at(5), batch_size=1000)

    batch = merged([first, last])

    assert batch.changes == first.changes
    assert batch.token == token_at(5)
