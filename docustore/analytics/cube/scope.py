"""What a caller asks for: a period, buckets, a dimension, a comparison. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from docustore.analytics.cube.answers import DEFAULT_TOP
from docustore.analytics.cube.buckets import (
    MAX_BUCKETS,
    Bucket,
    BucketUnit,
    Calendar,
    Period,
    Weekday,
    buckets_of,
    midnight,
    period_of,
)
from docustore.analytics.cube.slots import SLOTS_A_DAY
from docustore.clock import as_utc
from docustore.errors import FieldError, InvalidQueryError
from docustore.recurrence import parse_zone

DEFAULT_DAYS: Final = 30
# An answer reads one document per line and month: some milliseconds.
MAX_DOCUMENTS: Final = 3000
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2200


class Comparison(StrEnum):
    """The period that stands beside the one that is asked for.

    `previous` is as long and ends where it begins. `previous_weekdays` is moved by whole weeks.
    """

    PREVIOUS = "previous"
    PREVIOUS_WEEKDAYS = "previous_weekdays"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A checked request; `period` None = all times."""

    now: datetime
    calendar: Calendar
    period: Period | None = None
    unit: BucketUnit = BucketUnit.DAY
    dimension: str | None = None
    top: int = DEFAULT_TOP
    compare: Comparison | None = None

    @property
    def before(self) -> Period | None:
        """The period to compare with."""
        if self.period is None or self.compare is None:
            return None
        return self.period.before(by_weeks=self.compare is Comparison.PREVIOUS_WEEKDAYS)

    def buckets(self, period: Period) -> tuple[Bucket, ...]:
        """Cut a period.

        Raises:
            InvalidQueryError: There are too many buckets.
        """
        found = buckets_of(period, self.unit, self.calendar)
        if len(found) > MAX_BUCKETS:
            problem = f"the period has more than {MAX_BUCKETS} buckets; ask for a shorter one or longer buckets"
            raise InvalidQueryError((FieldError(pointer="/bucket", code="too_many_buckets", detail=problem),))
        return found


def calendar_of(time_zone: str, week_start: Weekday) -> Calendar:
    """Read the name of a time zone.

    Raises:
        InvalidQueryError: There is no such zone.
    """
    try:
        return Calendar(zone=parse_zone(time_zone), week_start=week_start)
    except ValueError as exc:
        detail = "must be the name of a time zone, such as Europe/Amsterdam"
        raise InvalidQueryError((FieldError(pointer="/time_zone", code="unknown", detail=detail),)) from exc


def checked_time(time: datetime, *, pointer: str) -> datetime:
    """Read a bound of a period.

    Raises:
        InvalidQueryError: It is in no year that users register in; calendars end not far beyond.
    """
    checked = as_utc(time)
    if not FIRST_YEAR <= checked.year <= LAST_YEAR:
        detail = f"must be in the years {FIRST_YEAR} to {LAST_YEAR}"
        raise InvalidQueryError((FieldError(pointer=pointer, code="out_of_range", detail=detail),))
    return checked


def bounded_period(
    since: datetime | None, until: datetime | None, *, calendar: Calendar, now: datetime, lines: int
) -> Period:
    """Return the period of a request; by default the last 30 local days.

    Args:
        lines: How many series are read of the period.

    Raises:
        InvalidQueryError: It is empty, or too long for so many series.
    """
    end = now if until is None else checked_time(until, pointer="/to")
    if since is None:
        first_day = end.astimezone(calendar.zone).date() - timedelta(days=DEFAULT_DAYS - 1)
        start = midnight(first_day, calendar.zone)
    else:
        start = checked_time(since, pointer="/from")
    if start >= end:
        raise InvalidQueryError((FieldError(pointer="/from", code="empty", detail="must be before `to`"),))
    period = period_of(start, end)
    months = (period.end - period.first) // (28 * SLOTS_A_DAY) + 2
    if months * lines > MAX_DOCUMENTS:
        problem = "the period is too long for so many values; ask for a shorter one or a smaller `top`"
        raise InvalidQueryError((FieldError(pointer="/from", code="too_long", detail=problem),))
    return period
