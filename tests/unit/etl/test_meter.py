"""Rate and remaining time from what was read."""

from collections.abc import AsyncIterator

import pytest

from docustore.etl.meter import Meter
from docustore.etl.models import Checkpoint, Counts
from docustore.etl.run_progress import RunPhase
from docustore.etl.sources.source import Extent, Page


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def pages(*done: int, total: int | None = 100) -> AsyncIterator[Page]:
    for each in done:
        yield Page(records=[b"{}"], first=1, resume="1", extent=Extent(done=each, total=total, unit="bytes"))


async def test_rate_and_remaining_time_are_of_the_last_half_minute() -> None:
    clock = Clock()
    meter = Meter(clock)
    source = meter.watched(pages(10, 20, 40))
    await anext(source)
    first = meter.progress(records=1)
    clock.now += 10
    await anext(source)
    second = meter.progress(records=2)
    clock.now += 40
    await anext(source)
    third = meter.progress(records=3)

    assert (first.per_s, first.eta_s) == (None, None)
    assert (second.per_s, second.eta_s) == (1.0, 80.0)
    assert (third.done, third.total, third.unit) == (40, 100, "bytes")
    assert third.per_s is None


async def test_phases_follow_the_pages() -> None:
    meter = Meter(Clock())
    before = meter.progress(records=0).phase
    source = meter.watched(pages(1))
    await anext(source)
    during = meter.progress(records=0).phase
    assert [page async for page in source] == []
    after = meter.progress(records=0).phase
    meter.enter(RunPhase.COMMITTING)

    assert (before, during, after) == (RunPhase.OPENING, RunPhase.READING, RunPhase.STORING)
    assert meter.progress(records=0).phase is RunPhase.COMMITTING


@pytest.mark.parametrize("total", [None, 100])
async def test_unknown_total_has_no_remaining_time(total: int | None) -> None:
    clock = Clock()
    meter = Meter(clock)
    source = meter.watched(pages(10, 30, total=total))
    await anext(source)
    meter.progress(records=0)
    clock.now += 2
    await anext(source)

    assert meter.progress(records=0).eta_s == (None if total is None else 7.0)


def test_source_that_says_nothing_is_measured_by_its_records() -> None:
    stamped = Meter(Clock()).stamped(Checkpoint(counts=Counts(read=5, unchanged=5)))

    assert stamped.progress is not None
    assert (stamped.progress.done, stamped.progress.total, stamped.progress.unit) == (5, None, "records")
