"""Where a reply counts as cut, and where a batch is cut into transactions."""

from itertools import pairwise

import msgspec
import pytest
from bson.timestamp import Timestamp

from docustore.changes.events import Change
from docustore.changes.gathering import Gathering, reached_by
from docustore.changes.stream import _first_ending, to_batch
from tests.unit.changes.make import make_change, make_event, token_at

MIB = 1024 * 1024


def changes_of(*sizes: int) -> list[Change]:
    return [
        msgspec.structs.replace(
            make_change("insert", after={"_id": n}, seconds=9, increment=n + 1), size_bytes=size
        )
        for n, size in enumerate(sizes)
    ]


@pytest.mark.parametrize(
    ("sizes", "is_full", "increment", "is_exact"),
    [
        ([1], False, 1, True),
        ([1], True, 1, False),
        ([1, 1], True, 2, False),
        ([1, 1], True, 3, True),
        ([8 * MIB - 1], False, 1, True),
        ([8 * MIB], False, 1, False),
        ([4 * MIB, 4 * MIB], False, 2, False),
        ([8 * MIB], False, 2, True),
        ([], True, 1, True),
        ([], False, 1, True),
    ],
)
def test_reply_is_cut_when_full_or_of_8_mib(
    sizes: list[int], *, is_full: bool, increment: int, is_exact: bool
) -> None:
    """A token beyond the last event says that the server has looked further: then nothing is missing."""
    batch = to_batch(changes_of(*sizes), token=token_at(9, increment), is_full=is_full)

    assert batch.is_exact is is_exact
    assert batch.cluster_time == Timestamp(9, increment if is_exact else increment - 1)
    assert batch.size_bytes == sum(sizes)


@pytest.mark.parametrize(
    ("sizes", "max_events", "lengths"),
    [
        ([1, 1, 1], 3, [3]),
        ([1, 1, 1, 1], 3, [3, 1]),
        ([1] * 7, 3, [3, 3, 1]),
        ([1, 1], 1, [1, 1]),
        ([4 * MIB, 4 * MIB], 10, [2]),
        ([4 * MIB, 4 * MIB, 1], 10, [2, 1]),
        ([4 * MIB, 4 * MIB + 1, 1], 10, [1, 2]),
        ([9 * MIB, 1, 1], 10, [1, 2]),
        ([1, 9 * MIB, 1], 10, [1, 1, 1]),
        ([5 * MIB, 3 * MIB, 5 * MIB, 3 * MIB, 1], 10, [2, 2, 1]),
    ],
)
async def test_transaction_takes_8_mib_or_one_larger_event(
    sizes: list[int], max_events: int, lengths: list[int]
) -> None:
    batch = to_batch(changes_of(*sizes), token=token_at(9, 99), is_full=False)

    gathering = Gathering((), max_events=max_events)
    await gathering.add(batch)

    assert [len(part.changes) for part in gathering.parts] == lengths
    assert tuple(change for part in gathering.parts for change in part.changes) == batch.changes


async def test_part_stands_after_its_own_last_change() -> None:
    batch = to_batch(changes_of(1, 1, 1, 1, 1), token=token_at(9, 99), is_full=False)

    gathering = Gathering((), max_events=2)
    await gathering.add(batch)
    cut = list(reached_by(gathering))

    for (part, reached), _ in pairwise(cut):
        last_change = part.changes[-1]
        assert reached.token == last_change.token
        assert (reached.cluster_time.inc, reached.is_exact) == (last_change.cluster_time.inc - 1, False)
    _, last = cut[-1]
    assert (last.token, last.cluster_time, last.is_exact) == (batch.token, Timestamp(9, 99), True)


@pytest.mark.parametrize(
    ("operations", "index"),
    [
        ([], None),
        (["insert"], None),
        (["drop"], 0),
        (["insert", "rename", "invalidate"], 1),
        (["insert", "insert", "invalidate"], 2),
        (["drop", "invalidate"], 0),
        (["insert", "delete", "update"], None),
    ],
)
def test_first_of_the_two_last_events_that_ends_is_found(operations: list[str], index: int | None) -> None:
    assert _first_ending([make_event(operation, after={"_id": 1}) for operation in operations]) == index


def test_only_the_two_last_events_are_looked_at() -> None:
    """Looking at each would double the cost of parsing."""
    events = [make_event(operation) for operation in ("drop", "insert", "insert")]

    assert _first_ending(events) is None
