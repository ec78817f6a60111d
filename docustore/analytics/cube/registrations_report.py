"""`GET /analytics/registrations`: users by the time of their registration."""

from itertools import pairwise

import msgspec

from docustore.analytics.cube.answers import CubeLine, CubeMetric, CubeQuestion, CubeSource
from docustore.analytics.cube.buckets import BucketUnit, Period, Weekday
from docustore.analytics.cube.freshness import Freshness
from docustore.analytics.cube.scope import Scope
from docustore.analytics.cube.tables import Cell, Table
from docustore.analytics.cube.views import (
    BucketView,
    Growth,
    PeriodView,
    bucket_views,
    growth_of,
    growth_pct,
)
from docustore.analytics.dimensions import DIMENSIONS


class RegistrationSeries(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one value, by bucket; `value` null = all users.

    `growth_pct` compares `registered` with the bucket before; null for the first one, after an empty one, and
    where one of the two is partial.
    """

    value: str | None
    registered: list[int]
    present: list[int]
    growth_pct: list[float | None]


class RegistrationPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """One period, cut into buckets."""

    period: PeriodView
    registered: int
    present: int
    buckets: list[BucketView]
    series: list[RegistrationSeries]


class RegistrationsReport(msgspec.Struct, frozen=True, kw_only=True):
    """Registrations by bucket; `present` counts those that are not deleted today.

    The first series is that of all users; with a `dimension`, one for each value follows, then `other`. The values
    of `previous` are the same ones. `growth` compares the two periods.
    """

    bucket: BucketUnit
    time_zone: str
    week_start: Weekday
    dimension: str | None
    is_multi_valued: bool
    current: RegistrationPeriod
    previous: RegistrationPeriod | None
    growth: Growth | None
    freshness: Freshness

    def table(self) -> Table:
        """Return one row per period, bucket and value."""
        rows: list[tuple[Cell, ...]] = []
        for name, period in (("current", self.current), ("previous", self.previous)):
            for series in () if period is None else period.series:
                rows += [
                    (name, bucket.start, bucket.end, bucket.is_partial, series.value, *figures)
                    for bucket, *figures in zip(
                        () if period is None else period.buckets,
                        series.registered,
                        series.present,
                        series.growth_pct,
                        strict=True,
                    )
                ]
        columns = ("period", "start", "end", "is_partial", "value", "registered", "present", "growth_pct")
        return Table(columns=columns, rows=rows)


async def registrations_report(source: CubeSource, scope: Scope, period: Period) -> RegistrationsReport:
    """Count registrations in each bucket of a period."""
    current = await _period(source, scope, period, values=None)
    before = None
    if scope.before is not None:
        named = tuple(series.value for series in current.series if series.value is not None)
        before = await _period(source, scope, scope.before, values=named)
    growth = None
    if before is not None:
        growth = growth_of((current.registered, current.present), (before.registered, before.present))
    return RegistrationsReport(
        bucket=scope.unit,
        time_zone=scope.calendar.zone.key,
        week_start=scope.calendar.week_start,
        dimension=scope.dimension,
        is_multi_valued=scope.dimension is not None and DIMENSIONS[scope.dimension].is_multi_valued,
        current=current,
        previous=before,
        growth=growth,
        freshness=await source.freshness(scope.now),
    )


async def _period(
    source: CubeSource, scope: Scope, period: Period, *, values: tuple[str, ...] | None
) -> RegistrationPeriod:
    buckets = scope.buckets(period)
    question = CubeQuestion(
        edges=(period.first, *(bucket.end for bucket in buckets)),
        dimension=scope.dimension,
        values=values,
        top=scope.top,
        by=CubeMetric.REGISTERED,
    )
    answer = await source.answer(question)
    views = bucket_views(buckets, now=scope.now)
    is_fair = [not one.is_partial and not other.is_partial for one, other in pairwise(views)]
    return RegistrationPeriod(
        period=PeriodView(from_=period.start_at, to=period.end_at),
        registered=sum(answer.all_users.registered),
        present=sum(answer.all_users.present),
        buckets=views,
        series=[_series(line, is_fair) for line in (answer.all_users, *answer.values)],
    )


def _series(line: CubeLine, is_fair: list[bool]) -> RegistrationSeries:
    growth = [
        growth_pct(after, before) if fair else None
        for fair, (before, after) in zip(is_fair, pairwise(line.registered), strict=True)
    ]
    return RegistrationSeries(
        value=line.value, registered=line.registered, present=line.present, growth_pct=[None, *growth]
    )
