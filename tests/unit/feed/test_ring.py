"""The newest events, shared by all readers."""

import pytest

from docustore.feed.filters import EVERYTHING, feed_filter
from docustore.feed.ring import MAX_BATCH_BYTES, Ring, cut
from tests.feed_rows import events

BIG = {"email": "x" * 20_000}


def ring(*, max_events: int = 100, max_bytes: int = 10**9, at: int = 0) -> Ring:
    made = Ring(max_events=max_events, max_bytes=max_bytes)
    made.restart(at)
    return made


def test_batch_follows_the_id_of_the_reader() -> None:
    filled = ring(at=10)
    filled.append(events(11, 20))

    batch = filled.batch(14, EVERYTHING)

    assert [event.id for event in batch.events] == [15, 16, 17, 18, 19, 20]
    assert batch.up_to == 20
    assert (filled.batch(20, EVERYTHING).events, filled.batch(20, EVERYTHING).up_to) == ([], 20)


def test_what_nobody_wants_is_looked_at_once() -> None:
    filled = ring()
    filled.append(events(1, 5))

    batch = filled.batch(0, feed_filter(operation="insert"))

    assert (list(batch.events), batch.up_to) == ([], 5)


def test_readers_of_one_view_share_one_encoding() -> None:
    filled = ring()
    filled.append(events(1, 3))

    first, second = filled.batch(1, feed_filter(field="status")), filled.batch(1, feed_filter(field="status"))

    assert first.server_sent is second.server_sent
    assert first.server_sent.startswith(b'id: 2\nevent: change\ndata: {"id":2,')
    assert first.server_sent.endswith(b"}\n\n")
    assert first.lines.count(b"\n") == 2


def test_batch_grows_with_the_ring() -> None:
    filled = ring()
    filled.append(events(1, 1))
    assert filled.batch(0, EVERYTHING).up_to == 1

    filled.append(events(2, 2))

    assert [event.id for event in filled.batch(0, EVERYTHING).events] == [1, 2]


def test_batch_is_bounded_but_never_empty() -> None:
    filled = ring()
    filled.append(events(1, 10, after=BIG))

    first = filled.batch(0, EVERYTHING)

    assert [event.id for event in first.events] == [1, 2, 3]
    assert len(first.server_sent) <= MAX_BATCH_BYTES + 1000
    assert first.up_to == 3
    huge = events(1, 2, after={"email": "x" * 100_000})
    assert [event.id for event in cut(huge, EVERYTHING, up_to=2).events] == [1]


@pytest.mark.parametrize(("max_events", "ids", "up_to"), [(1, [1], 1), (2, [1, 2], 2), (5, [1, 2, 3], 9)])
def test_cut_takes_at_most_so_many(max_events: int, ids: list[int], up_to: int) -> None:
    batch = cut(events(1, 3), EVERYTHING, up_to=9, max_events=max_events)

    assert ([event.id for event in batch.events], batch.up_to) == (ids, up_to)


def test_ring_is_bounded_by_number() -> None:
    filled = ring(max_events=100)
    for start in range(1, 1001, 10):
        filled.append(events(start, start + 9))

    assert filled.end == 1000
    assert 100 <= filled.end - filled.start <= 125
    assert filled.batch(filled.start, EVERYTHING).events[0].id == filled.start + 1


def test_ring_is_bounded_by_size() -> None:
    filled = ring(max_events=10_000, max_bytes=100_000)
    filled.append(events(1, 50, after=BIG))

    assert filled.size_bytes <= 100_000
    assert filled.size_bytes == sum(len(event.data) for event in filled._events)
    assert (filled.end, filled.start) == (50, 46)


@pytest.mark.parametrize(("more", "start"), [(10, 0), (20, 10), (40, 30)])
def test_next_start_is_known_before(more: int, start: int) -> None:
    filled = ring(max_events=20)
    filled.append(events(1, 10))

    assert filled.start_with(events(11, 10 + more)) == start


def test_next_start_counts_bytes() -> None:
    filled = ring(max_bytes=100_000)
    filled.append(events(1, 4, after=BIG))

    assert filled.start_with(events(5, 6, after=BIG)) == 2


def test_events_must_follow_each_other() -> None:
    filled = ring(at=5)

    with pytest.raises(ValueError, match="dense"):
        filled.append(events(7, 8))


def test_restart_forgets_everything() -> None:
    filled = ring()
    filled.append(events(1, 5))
    filled.batch(0, EVERYTHING)

    filled.restart(2)

    assert (filled.start, filled.end, filled.size_bytes) == (2, 2, 0)
    assert filled.batch(2, EVERYTHING).events == []
