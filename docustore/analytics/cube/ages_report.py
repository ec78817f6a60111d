"""`GET /analytics/ages`: how long users have been registered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final, Protocol

import msgspec

from docustore.analytics.cube.answers import CubeQuestion
from docustore.analytics.cube.buckets import Period
from docustore.analytics.cube.freshness import Freshness
from docustore.analytics.cube.scope import Scope
from docustore.analytics.cube.tables import Cell, Table
from docustore.analytics.cube.views import PeriodView, period_view

PERCENTILES: Final = (10, 25, 50, 75, 90, 99)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeLine:
    """Present users with one value: all of them, and by UTC day of the registration.

    Days are counted from 1970. `value` None = all users.
    """

    value: str | None
    present: int
    days: Mapping[int, int]


class AgeSource(Protocol):
    """Where the counts come from."""

    async def ages(self, question: CubeQuestion) -> Sequence[AgeLine]:
        """Count present users by day of registration: all users first, then the values."""

    async def freshness(self, now: datetime) -> Freshness:
        """Tell how old the counts are."""


class Ages(msgspec.Struct, frozen=True, kw_only=True):
    """The ages of the present users with one value, in whole days.

    `value` null = all users. `users` have a known registration; of `unknown` ones it is not known. Percentiles are
    by nearest rank: at least so many per cent of the users are of that age or younger.
    """

    value: str | None
    users: int
    unknown: int
    average_days: float | None
    percentiles_days: dict[str, int]


class AgesReport(msgspec.Struct, frozen=True, kw_only=True):
    """Account ages as of a day, of users that registered in the period.

    Without a period all users count. An age is the number of days from the day of the registration to it, both in
    UTC. The values of `previous_ages` are those of `ages`.
    """

    day: date
    dimension: str | None
    period: PeriodView | None
    ages: list[Ages]
    previous: PeriodView | None
    previous_ages: list[Ages] | None
    freshness: Freshness

    def table(self) -> Table:
        """Return one row per value, and per period if there are two."""
        columns = ("value", "users", "unknown", "average_days", *(f"p{rank}" for rank in PERCENTILES))
        rows = [_row(each) for each in self.ages]
        if self.previous_ages is None:
            return Table(columns=columns, rows=rows)
        current = [("current", *row) for row in rows]
        previous = [("previous", *_row(each)) for each in self.previous_ages]
        return Table(columns=("period", *columns), rows=[*current, *previous])


def _row(ages: Ages) -> tuple[Cell, ...]:
    percentiles = (ages.percentiles_days.get(f"p{rank}") for rank in PERCENTILES)
    return (ages.value, ages.users, ages.unknown, ages.average_days, *percentiles)


async def ages_report(source: AgeSource, scope: Scope) -> AgesReport:
    """Compute averages and percentiles of account ages."""
    today = scope.now.astimezone(UTC).date()
    number = today.toordinal() - _EPOCH_ORDINAL
    question = CubeQuestion(edges=_edges(scope.period), dimension=scope.dimension, top=scope.top)
    lines = await source.ages(question)
    before = None
    if scope.before is not None:
        named = tuple(line.value for line in lines if line.value is not None)
        before = await source.ages(replace(question, edges=_edges(scope.before), values=named))
    return AgesReport(
        day=today,
        dimension=scope.dimension,
        period=period_view(scope.period),
        ages=[ages_of(line, today=number) for line in lines],
        previous=period_view(scope.before),
        previous_ages=None if before is None else [ages_of(line, today=number) for line in before],
        freshness=await source.freshness(scope.now),
    )


def _edges(period: Period | None) -> tuple[int, int] | None:
    return None if period is None else (period.first, period.end)


def ages_of(line: AgeLine, *, today: int) -> Ages:
    """Compute the ages of one line. Pure.

    Args:
        today: Days since 1970.
    """
    ages = sorted((today - day, users) for day, users in line.days.items() if users)
    known = sum(users for _, users in ages)
    return Ages(
        value=line.value,
        users=known,
        unknown=line.present - known,
        average_days=round(sum(age * users for age, users in ages) / known, 2) if known else None,
        percentiles_days={f"p{rank}": _percentile(ages, rank, known) for rank in PERCENTILES} if known else {},
    )


def _percentile(ages: Sequence[tuple[int, int]], rank: int, users: int) -> int:
    # The smallest age that so many users do not exceed.
    wanted = -(-users * rank // 100)
    reached = 0
    for age, own in ages:
        reached += own
        if reached >= wanted:
            return age
    return ages[-1][0]
