"""Which queries the counters by dimension and slot can answer. Pure.

The counters are sums over users by one dimension and by quarters of an hour of the registration. So they answer
questions about sums, by at most one dimension, with filters of that dimension, between slots.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from docustore.analytics.cube.buckets import Bucket as Interval
from docustore.analytics.cube.buckets import BucketUnit, Calendar, Period, Weekday, buckets_of
from docustore.analytics.cube.slots import SLOT_S
from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.query.fields import FILTER_FIELDS, FieldKind, Operator
from docustore.analytics.query.filters import wanted_values
from docustore.analytics.query.metrics import METRICS
from docustore.analytics.query.model import Bucket, Filter, QueryInput, TimeRange
from docustore.analytics.values import OTHER

COMPLETENESS: Final = "completeness"
MAX_INTERVALS: Final = 5000
_KEPT: Final = frozenset({"users", "registrations", "deleted", "completeness_pct"})
_UNITS: Final = {Bucket.HOUR: BucketUnit.HOUR, Bucket.DAY: BucketUnit.DAY, Bucket.WEEK: BucketUnit.WEEK}
_MONTHS: Final = {Bucket.MONTH: 1, Bucket.QUARTER: 3, Bucket.YEAR: 12}
_SLOTS_AN_HOUR: Final = 3600 // SLOT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class CubePlan:
    """How to answer a query.

    `dimension` is the one that is read; its rows are added up unless `is_by_value`. `wanted` are the only values
    to read, `unwanted` those to leave out; None and empty for all.
    """

    dimension: str | None
    is_by_value: bool
    wanted: tuple[str, ...] | None
    unwanted: frozenset[str]

    def accepts(self, value: str) -> bool:
        """Tell whether the filters let a value through."""
        return value not in self.unwanted and (self.wanted is None or value in self.wanted)


class CubeRefusedError(Exception):
    """The counters do not answer a query; the message says why."""


def cube_plan(query: QueryInput) -> CubePlan:
    """Plan the answer to a query.

    Raises:
        CubeRefusedError: The counters do not keep what it asks for.
    """
    unknown = [name for name in query.metrics if name not in _KEPT]
    if unknown:
        raise CubeRefusedError(f"they keep no sum for {unknown[0]}")
    if any(not is_aligned(bound) for bound in (query.time.since, query.time.until) if bound is not None):
        raise CubeRefusedError("the range does not begin and end with a quarter of an hour")
    dimension = _dimension(query)
    if dimension is not None and query.filters and DIMENSIONS[dimension].is_multi_valued:
        raise CubeRefusedError(f"a user may have several values of {dimension}, so a filter needs the users")
    wanted, unwanted = _wanted(query.filters)
    return CubePlan(
        dimension=dimension, is_by_value=bool(query.dimensions), wanted=wanted, unwanted=frozenset(unwanted)
    )


def _dimension(query: QueryInput) -> str | None:
    needed = [*query.dimensions, *(each.field for each in query.filters)]
    if "completeness_pct" in query.metrics:
        needed.append(COMPLETENESS)
    if any(FILTER_FIELDS[name] is not FieldKind.DIMENSION for name in needed):
        raise CubeRefusedError("they know no filters of fields, only of dimensions")
    names = list(dict.fromkeys(needed))
    if len(names) > 1:
        raise CubeRefusedError(f"they keep one dimension at a time, and this needs {' and '.join(names)}")
    return names[0] if names else None


def _wanted(filters: Iterable[Filter]) -> tuple[tuple[str, ...] | None, set[str]]:
    wanted: list[str] | None = None
    unwanted: set[str] = set()
    for each in filters:
        values = wanted_values(each)
        if OTHER in values:
            raise CubeRefusedError("`other` stands for many values there")
        if each.op in {Operator.NE, Operator.NOT_IN}:
            unwanted.update(values)
        else:
            wanted = list(dict.fromkeys(values)) if wanted is None else [v for v in wanted if v in values]
    return (None if wanted is None else tuple(wanted)), unwanted


def is_aligned(bound: datetime) -> bool:
    """Tell whether a time is the begin of a slot."""
    return bound.timestamp() % SLOT_S == 0


def intervals_of(period: Period, time: TimeRange) -> list[Interval]:
    """Cut a period into the buckets of a query, or into itself.

    Raises:
        CubeRefusedError: There are too many, or the zone has hours that do not begin with a slot.
    """
    zone = ZoneInfo(time.timezone)
    if time.bucket is None:
        whole = period.start_at.astimezone(zone)
        first, end = period.first, period.end
        return [Interval(first=first, end=end, natural_first=first, natural_end=end, start=whole)]
    calendar = Calendar(zone=zone, week_start=Weekday(time.week_start.value))
    unit = _UNITS.get(time.bucket, BucketUnit.MONTH)
    found = list(buckets_of(period, unit, calendar, limit=MAX_INTERVALS))
    if len(found) > MAX_INTERVALS:
        raise CubeRefusedError(f"the range has more than {MAX_INTERVALS} buckets")
    if time.bucket is Bucket.HOUR and any(_length(each) != _SLOTS_AN_HOUR for each in found):
        raise CubeRefusedError("the clocks of the zone change by a part of an hour")
    return found


def _length(interval: Interval) -> int:
    return interval.natural_end - interval.natural_first


def bucket_start(interval: Interval, time: TimeRange) -> datetime | None:
    """Return the first moment of the bucket that an interval is in; None without."""
    months = _MONTHS.get(time.bucket, 1) if time.bucket is not None else None
    if months is None:
        return None
    start = interval.start
    if months == 1:
        return start
    return start.replace(month=(start.month - 1) // months * months + 1, hour=0, minute=0, fold=0)


def counts_deleted(query: QueryInput) -> bool:
    """Tell whether a query counts deleted users too."""
    return any(METRICS[name].counts_deleted for name in query.metrics)
