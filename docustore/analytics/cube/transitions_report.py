"""`GET /analytics/transitions`: changes of status by time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from docustore.analytics.cube.buckets import BucketUnit, Period, Weekday
from docustore.analytics.cube.freshness import Freshness
from docustore.analytics.cube.scope import Scope
from docustore.analytics.cube.tables import Cell, Table
from docustore.analytics.cube.transitions import TRANSITIONS, Transition
from docustore.analytics.cube.views import BucketView, PeriodView, bucket_views, growth_pct


class TransitionSource(Protocol):
    """Where the counts come from."""

    async def transitions(self, edges: tuple[int, ...]) -> Mapping[Transition, list[int]]:
        """Count changes of status by interval; a pair without any may be absent."""

    async def freshness(self, now: datetime) -> Freshness:
        """Tell how old the counts are, if it is asked first."""


class TransitionSeries(msgspec.Struct, frozen=True, rename={"from_": "from"}, kw_only=True):
    """The changes from one status to another one, by bucket."""

    from_: str
    to: str
    changes: int
    counts: list[int]


class TransitionPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """One period; pairs without a change are left out."""

    period: PeriodView
    changes: int
    buckets: list[BucketView]
    series: list[TransitionSeries]


class TransitionsReport(msgspec.Struct, frozen=True, kw_only=True):
    """Changes of status, by the time of the change.

    A registration, a deletion and a return are no changes of status. Changes of users that are deleted by now
    count too. A missing status counts as `active`, an unknown word as `other`.
    """

    bucket: BucketUnit
    time_zone: str
    week_start: Weekday
    current: TransitionPeriod
    previous: TransitionPeriod | None
    growth_pct: float | None
    freshness: Freshness

    def table(self) -> Table:
        """Return one row per period, pair and bucket."""
        rows: list[tuple[Cell, ...]] = []
        for name, period in (("current", self.current), ("previous", self.previous)):
            if period is None:
                continue
            for series in period.series:
                rows += [
                    (name, bucket.start, bucket.end, bucket.is_partial, series.from_, series.to, count)
                    for bucket, count in zip(period.buckets, series.counts, strict=True)
                ]
        return Table(columns=("period", "start", "end", "is_partial", "from", "to", "changes"), rows=rows)


async def transitions_report(source: TransitionSource, scope: Scope, period: Period) -> TransitionsReport:
    """Count changes of status in each bucket of a period."""
    freshness = await source.freshness(scope.now)
    current = await _period(source, scope, period)
    before = None if scope.before is None else await _period(source, scope, scope.before)
    return TransitionsReport(
        bucket=scope.unit,
        time_zone=scope.calendar.zone.key,
        week_start=scope.calendar.week_start,
        current=current,
        previous=before,
        growth_pct=None if before is None else growth_pct(current.changes, before.changes),
        freshness=freshness,
    )


async def _period(source: TransitionSource, scope: Scope, period: Period) -> TransitionPeriod:
    buckets = scope.buckets(period)
    found = await source.transitions((period.first, *(bucket.end for bucket in buckets)))
    series = [
        TransitionSeries(from_=pair.before, to=pair.after, changes=sum(found[pair]), counts=found[pair])
        for pair in TRANSITIONS
        if any(found.get(pair, ()))
    ]
    return TransitionPeriod(
        period=PeriodView(from_=period.start_at, to=period.end_at),
        changes=sum(each.changes for each in series),
        buckets=bucket_views(buckets, now=scope.now),
        series=series,
    )
