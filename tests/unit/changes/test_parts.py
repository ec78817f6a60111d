"""Batches gathered into parts of one transaction each."""

from datetime import UTC, datetime

import pytest

from docustore.changes.effects.effect import Effects
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.gathering import MAX_TRANSACTION_BYTES, Gathering, reached_by
from docustore.changes.stream import EventBatch
from tests.unit.changes.make import make_batch, make_event, token_at

MAY_1 = datetime(2024, 5, 1, tzinfo=UTC)
ADA = {"_id": 1, "status": "active", "created_at": MAY_1, "updated_by": "etl:crm", "version": 1}


async def gathered(*batches: EventBatch, max_events: int = 1000, effects: Effects = ()) -> Gathering:
    gathering = Gathering(effects, max_events=max_events)
    for batch in batches:
        await gathering.add(batch)
    return gathering


async def test_batch_is_cut_by_events() -> None:
    events = [make_event("insert", after=ADA | {"_id": n}, seconds=n + 1) for n in range(5)]
    batch = make_batch(events, token=token_at(9), batch_size=1000)

    cut = list(reached_by(await gathered(batch, max_events=2)))

    assert [len(part.changes) for part, _ in cut] == [2, 2, 1]
    assert [reached.token for _, reached in cut] == [token_at(2), token_at(4), token_at(9)]
    assert [reached.is_exact for _, reached in cut] == [False, False, True]


async def test_batch_is_cut_by_bytes() -> None:
    blob = "x" * (MAX_TRANSACTION_BYTES // 2 - 1000)
    events = [make_event("insert", after={"_id": n, "blob": blob}, seconds=n + 1) for n in range(3)]
    batch = make_batch(events, token=token_at(9), batch_size=1000)

    assert [len(part.changes) for part in (await gathered(batch)).parts] == [2, 1]


async def test_event_larger_than_a_part_goes_alone() -> None:
    events = [make_event("insert", after={"_id": 1, "blob": "x" * (MAX_TRANSACTION_BYTES + 1)})]
    batch = make_batch(events, token=token_at(9), batch_size=1000)

    assert [len(part.changes) for part in (await gathered(batch)).parts] == [1]


async def test_gathered_batches_stand_where_the_last_one_stands() -> None:
    first = make_batch([make_event("insert", after=ADA, seconds=1)], token=token_at(2), batch_size=1000)
    last = make_batch([], token=token_at(5), batch_size=1000)

    [(part, reached)] = reached_by(await gathered(first, last))

    assert part.changes == list(first.changes)
    assert reached.token == token_at(5)


async def test_partition_stops_before_the_end_of_the_collection() -> None:
    event = make_event("insert", after=ADA, seconds=1)
    gathering = await gathered(make_batch([event], token=token_at(5), ending_operation="drop"))

    [(_, at_the_end)] = reached_by(gathering)
    [(_, before_it)] = reached_by(gathering, stops_before_the_end=True)

    assert gathering.ending_operation == "drop"
    assert (at_the_end.token, before_it.token) == (token_at(5), token_at(1))
    assert not before_it.is_exact


async def test_effects_made_in_advance_are_those_of_all_changes() -> None:
    """They are numbered last, since the number of the first change is only known then."""
    events = [make_event("insert", after=ADA | {"_id": n}, seconds=n + 1) for n in range(120)]
    batches = [make_batch(events[:70], token=token_at(70), batch_size=1000)]
    batches += [make_batch(events[70:], token=token_at(120), batch_size=1000)]

    [part] = (await gathered(*batches, effects=EFFECTS)).parts

    assert part.effects is not None
    part.effects.number_after(1000)
    assert (part.effects.rows, part.effects.seq) == (120, 1120)


@pytest.mark.parametrize("operation", ["update", "delete"])
async def test_effects_of_a_change_without_an_image_are_not_made_in_advance(operation: str) -> None:
    """Its state before comes from history, which may lack the transaction before."""
    events = [make_event("insert", after=ADA, seconds=1), make_event(operation, after=None, seconds=2)]

    [part] = (await gathered(make_batch(events, token=token_at(9), batch_size=1000), effects=EFFECTS)).parts

    assert part.effects is None
    assert len(part.changes) == 2
