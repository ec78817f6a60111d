"""Hours, days, weeks and months of a time zone. Pure.

A bucket is a half-open interval that begins and ends with local hours, days, weeks or months. So a day of a clock
change has 23 or 25 hours, and an hour that the clocks repeat is two buckets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from docustore.analytics.cube.slots import SLOT_S, slot_from, slot_of, start_of

MAX_BUCKETS: Final = 1000
_SLOT: Final = timedelta(seconds=SLOT_S)


class BucketUnit(StrEnum):
    """The length of a bucket."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Weekday(StrEnum):
    """The first day of a week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """How times become buckets."""

    zone: ZoneInfo
    week_start: Weekday = Weekday.MONDAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A half-open interval of slots."""

    first: int
    end: int

    @property
    def start_at(self) -> datetime:
        """The first moment, in UTC."""
        return start_of(self.first)

    @property
    def end_at(self) -> datetime:
        """The moment after the last one, in UTC."""
        return start_of(self.end)

    def before(self, *, by_weeks: bool = False) -> "Period":
        """Return the period before, of equal elapsed time.

        Args:
            by_weeks: Move by whole weeks, so that weekdays meet weekdays; days between may be left out.
        """
        length = self.end - self.first
        week = 7 * 86_400 // SLOT_S
        moved = -(-length // week) * week if by_weeks else length
        return Period(first=self.first - moved, end=self.end - moved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The part of a bucket that is in a period.

    `first` and `end` are slots of that part. `natural_first` is the slot of the bucket's own begin. `start` is the
    local time of that begin, with its offset.
    """

    first: int
    end: int
    natural_first: int
    natural_end: int
    start: datetime

    @property
    def natural_end_at(self) -> datetime:
        """The local moment after the bucket."""
        return start_of(self.natural_end).astimezone(self.start.tzinfo)

    @property
    def is_whole(self) -> bool:
        """Tell whether the period holds all of the bucket."""
        return (self.first, self.end) == (self.natural_first, self.natural_end)


def period_of(start: datetime, end: datetime) -> Period:
    """Return the slots from a time to another one; each side widens."""
    return Period(first=slot_of(start), end=slot_from(end))


# Depends on the calendar only; time zones cost more than the counters.
@lru_cache(maxsize=64)
def buckets_of(
    period: Period, unit: BucketUnit, calendar: Calendar, *, limit: int = MAX_BUCKETS
) -> tuple[Bucket, ...]:
    """Cut a period into buckets, in order; stops after `limit` + 1 of them."""
    found: list[Bucket] = []
    for start, end in pairwise(_edges(period, unit, calendar)):
        first, last = slot_of(start), slot_of(end)
        if last > period.first and first < last:
            found.append(
                Bucket(
                    first=max(first, period.first),
                    end=min(last, period.end),
                    natural_first=first,
                    natural_end=last,
                    start=start.astimezone(calendar.zone),
                )
            )
        if last >= period.end or len(found) > limit:
            break
    return tuple(found)


def _edges(period: Period, unit: BucketUnit, calendar: Calendar) -> Iterator[datetime]:
    """Yield the beginnings of buckets in UTC, from that of the first slot on."""
    if unit is BucketUnit.HOUR:
        return _hours(period.start_at, calendar.zone)
    return _days(period.start_at, unit, calendar)


def _days(start: datetime, unit: BucketUnit, calendar: Calendar) -> Iterator[datetime]:
    day = floor_day(start.astimezone(calendar.zone).date(), unit, calendar.week_start)
    while True:
        yield midnight(day, calendar.zone)
        day = _next_day(day, unit)


def floor_day(day: date, unit: BucketUnit, week_start: Weekday) -> date:
    """Return the first day of the bucket that a day is in."""
    if unit is BucketUnit.MONTH:
        return day.replace(day=1)
    if unit is BucketUnit.WEEK:
        offset = (day.weekday() - list(Weekday).index(week_start)) % 7
        return day - timedelta(days=offset)
    return day


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of a local day, in UTC.

    A midnight that the clocks skip is the moment of the change; the first one counts where they repeat it.
    """
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _next_day(day: date, unit: BucketUnit) -> date:
    if unit is BucketUnit.MONTH:
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day + timedelta(days=7 if unit is BucketUnit.WEEK else 1)


def _hours(start: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the moments at which the local hour, or the offset, changes."""
    # The clocks change by less than a day; 30 minutes in one zone.
    moment = start.replace(minute=start.minute // 15 * 15, second=0, microsecond=0)
    own = hour_of(moment, zone)
    while hour_of(moment - _SLOT, zone) == own:
        moment -= _SLOT
    while True:
        yield moment
        own = hour_of(moment, zone)
        if hour_of(moment + 3 * _SLOT, zone) == own:
            moment += 3 * _SLOT
        while hour_of(moment, zone) == own:
            moment += _SLOT


def hour_of(moment: datetime, zone: ZoneInfo) -> tuple[datetime, timedelta | None]:
    """Return the hour of the clock and the offset of a moment."""
    local = moment.astimezone(zone)
    return local.replace(minute=0, second=0, microsecond=0, tzinfo=None), local.utcoffset()
