"""Answers from the counters of `user_stats`: totals, statuses, UTC days."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Final

from docustore.analytics.marts import STATS, TOTALS_ID, UserMarts, marts_of
from docustore.analytics.query.columns import BUCKET
from docustore.analytics.query.metrics import Sum
from docustore.analytics.query.model import Bucket, QueryInput, TimeRange, WeekStart
from docustore.analytics.query.rollup import Rollup, RollupRow
from docustore.database import Database

_ZONES: Final = frozenset({"UTC", "Etc/UTC"})
_OF_TOTALS: Final = frozenset({"users", "average_age_days"})
_WEEK_STARTS: Final = {WeekStart.MONDAY: 0, WeekStart.SATURDAY: 5, WeekStart.SUNDAY: 6}
_MONTHS: Final = {Bucket.MONTH: 1, Bucket.QUARTER: 3, Bucket.YEAR: 12}


def day_counters_refuse(query: QueryInput) -> str | None:
    """Tell why these counters do not answer a query; None if they do. Pure."""
    if query.filters:
        return "the counters know no filters"
    return _totals_refuse(query) if query.time.is_whole else _days_refuse(query)


def _totals_refuse(query: QueryInput) -> str | None:
    if not set(query.metrics) <= _OF_TOTALS:
        return f"the totals keep only {' and '.join(sorted(_OF_TOTALS))}"
    if query.dimensions not in ([], ["status"]):
        return "the totals keep no dimension but the status"
    is_kept = not query.dimensions or query.metrics == ["users"]
    return None if is_kept else "the totals keep only `users` by status"


def _days_refuse(query: QueryInput) -> str | None:
    time = query.time
    if query.metrics != ["users"] or query.dimensions:
        return "the counters of days keep only `users`, without dimensions"
    if time.bucket is not None and (time.timezone not in _ZONES or time.bucket is Bucket.HOUR):
        return "they are counters of UTC days"
    bounds = (bound.astimezone(UTC) for bound in (time.since, time.until) if bound is not None)
    is_aligned = all(bound == datetime(bound.year, bound.month, bound.day, tzinfo=UTC) for bound in bounds)
    return None if is_aligned else "the range does not begin and end with a UTC day"


async def day_counters(database: Database, query: QueryInput) -> Rollup | None:
    """Answer a query that they do not refuse.

    None before the first start of the listener.
    """
    documents = await database[STATS].find({}).to_list()
    totals = next((each for each in documents if each["_id"] == TOTALS_ID), None)
    if totals is None:
        return None
    return Rollup(rows=_rows(marts_of(documents), query), as_of=totals.get("as_of"), lag_s=None)


def _rows(marts: UserMarts, query: QueryInput) -> list[RollupRow]:
    time = query.time
    if query.dimensions:
        return [RollupRow(key={"status": name}, sums={Sum.PRESENT: n}) for name, n in marts.by_status.items()]
    if time.is_whole:
        sums = {
            Sum.PRESENT: marts.total,
            Sum.DATED: marts.dated,
            Sum.REGISTERED_S: marts.created_at_sum_s,
        }
        return [RollupRow(key={}, sums=sums)]
    counts: Counter[datetime | None] = Counter()
    for text, users in marts.registrations.items():
        day = date.fromisoformat(text)
        if _is_within(day, time):
            counts[None if time.bucket is None else bucket_start(day, time)] += users
    if time.bucket is None:
        return [RollupRow(key={}, sums={Sum.PRESENT: counts.total()})]
    if time.since is None and time.until is None and (undated := marts.total - marts.dated):
        counts[None] += undated
    return [RollupRow(key={BUCKET: start}, sums={Sum.PRESENT: n}) for start, n in counts.items()]


def _is_within(day: date, time: TimeRange) -> bool:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return (time.since is None or begin >= time.since) and (time.until is None or begin < time.until)


def bucket_start(day: date, time: TimeRange) -> datetime:
    """Return the first moment of the bucket of a UTC day. Pure.

    It is at the earliest that of the calendar.
    """
    match time.bucket:
        case Bucket.WEEK:
            of_week = (day.weekday() - _WEEK_STARTS[time.week_start]) % 7
            first = max(day, date.min + timedelta(days=of_week)) - timedelta(days=of_week)
        case Bucket.MONTH | Bucket.QUARTER | Bucket.YEAR:
            months = _MONTHS[time.bucket]
            first = date(day.year, (day.month - 1) // months * months + 1, 1)
        case _:
            first = day
    return datetime(first.year, first.month, first.day, tzinfo=UTC)
