"""The parts of time that the counters sum for a query, by bucket. Pure.

Another client may date a user in the year 1 or 9999. So only months with registrations are cut into buckets: the
time between them costs nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from docustore.analytics.cube.buckets import Bucket as Interval
from docustore.analytics.cube.buckets import BucketUnit, Calendar, Period, Weekday, buckets_of, hour_of
from docustore.analytics.cube.slots import SLOT_S, SLOTS_A_DAY, first_slot, month_slots, slot_of, start_of
from docustore.analytics.query.model import Bucket, TimeRange

_UNITS: Final = {Bucket.HOUR: BucketUnit.HOUR, Bucket.DAY: BucketUnit.DAY, Bucket.WEEK: BucketUnit.WEEK}
_MONTHS: Final = {Bucket.MONTH: 1, Bucket.QUARTER: 3, Bucket.YEAR: 12}
_SLOT: Final = timedelta(seconds=SLOT_S)
_MILLISECOND: Final = timedelta(milliseconds=1)
_SLOTS_AN_HOUR: Final = 3600 // SLOT_S
# In the first and in the last year of the calendar a bucket may begin or end beside it.
_SECOND_YEAR: Final = first_slot("0002-01")
_LAST_YEAR: Final = first_slot("9999-01")
# After 400 years, which are whole weeks, the calendar and the rules of the time zones repeat.
_CYCLE: Final = timedelta(days=146_097)
_CYCLE_SLOTS: Final = _CYCLE.days * SLOTS_A_DAY
_BEGIN: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Consecutive slots of one bucket.

    `start` is the first moment of the bucket in UTC, at the earliest that of the calendar; None without buckets.
    `is_cut`: within the one slot of the span another bucket begins. The counters do not tell which of the two
    buckets its users are in.
    """

    first: int
    end: int
    start: datetime | None
    is_cut: bool = False


def runs_of(months: Iterable[str], time: TimeRange) -> list[Period]:
    """Join the parts of consecutive months that are in a range.

    Args:
        months: Ascending.
    """
    runs: list[Period] = []
    for month in months:
        first, end = month_slots(month)
        first = first if time.since is None else max(first, slot_of(time.since))
        end = end if time.until is None else min(end, slot_of(time.until))
        if first < end and runs and runs[-1].end == first:
            runs[-1] = Period(first=runs[-1].first, end=end)
        elif first < end:
            runs.append(Period(first=first, end=end))
    return runs


def spans_of(run: Period, time: TimeRange, *, limit: int) -> list[Span]:
    """Cut a run into the buckets of a query, in order.

    There may be several spans of one bucket.

    Args:
        limit: Stop after more than so many.
    """
    if time.bucket is None:
        return [Span(first=run.first, end=run.end, start=None)]
    cycles = (run.first < _SECOND_YEAR) - (run.end > _LAST_YEAR)
    moved = cycles * _CYCLE_SLOTS
    calendar = Calendar(zone=ZoneInfo(time.timezone), week_start=Weekday(time.week_start.value))
    period = Period(first=run.first + moved, end=run.end + moved)
    intervals = buckets_of(period, _UNITS.get(time.bucket, BucketUnit.MONTH), calendar, limit=limit)
    cuts = _cut_slots(intervals, time.bucket, calendar.zone)
    found = (
        Span(first=each.first, end=each.end, start=_moved(_start(each, time.bucket), -cycles))
        for each in intervals
    )
    split = (part for span in found for part in _split(span, cuts)) if cuts else found
    return [replace(span, first=span.first - moved, end=span.end - moved) for span in split] if moved else [*split]


def _start(interval: Interval, bucket: Bucket) -> datetime:
    """Return the first moment of the bucket that an interval is in, in UTC."""
    local = interval.start
    if bucket is Bucket.HOUR:
        # The hour of the clock, also if the clocks changed within it.
        return local.astimezone(UTC) - timedelta(minutes=local.minute, seconds=local.second)
    months = _MONTHS.get(bucket, 1)
    if months > 1:
        local = local.replace(month=(local.month - 1) // months * months + 1, hour=0, minute=0, fold=0)
    return local.astimezone(UTC)


def _moved(start: datetime, cycles: int) -> datetime:
    try:
        return start + cycles * _CYCLE if cycles else start
    except OverflowError:
        return _BEGIN


def _cut_slots(intervals: Sequence[Interval], bucket: Bucket, zone: ZoneInfo) -> frozenset[int]:
    """Return the slots in which a bucket begins after the begin of the slot."""
    if bucket is not Bucket.HOUR:
        begun = (each for each in intervals if each.first == each.natural_first)
        return frozenset(each.first for each in begun if each.start.timestamp() % SLOT_S)
    if all(_is_regular(each) for each in intervals):
        return frozenset()
    begins = ((each.first - 1, start_of(each.first)) for each in intervals[1:])
    return frozenset(
        slot for slot, begin in begins if hour_of(begin - _SLOT, zone) != hour_of(begin - _MILLISECOND, zone)
    )


def _is_regular(hour: Interval) -> bool:
    return hour.start.minute == hour.start.second == 0 and hour.natural_end - hour.natural_first == _SLOTS_AN_HOUR


def _split(span: Span, cuts: frozenset[int]) -> Iterator[Span]:
    first = span.first
    for slot in sorted(cuts.intersection(range(span.first, span.end))):
        if first < slot:
            yield replace(span, first=first, end=slot)
        yield replace(span, first=slot, end=slot + 1, is_cut=True)
        first = slot + 1
    if first < span.end:
        yield replace(span, first=first)
