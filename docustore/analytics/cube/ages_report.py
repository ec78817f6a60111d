"""`GET /analytics/ages`: how long users have been registered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Protocol

import msgspec

from docustore.analytics.cube.answers import CubeQuestion
from docustore.analytics.cube.freshness import Freshness
from docustore.analytics.cube.tables import Table

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
    """Account ages as of a day.

    An age is the number of days from the day of the registration to it, both in UTC.
    """

    day: date
    dimension: str | None
    ages: list[Ages]
    freshness: Freshness

    def table(self) -> Table:
        """Return one row per value."""
        rows = [
            (
                each.value,
                each.users,
                each.unknown,
                each.average_days,
                *(each.percentiles_days.get(f"p{rank}") for rank in PERCENTILES),
            )
            for each in self.ages
        ]
        columns = ("value", "users", "unknown", "average_days", *(f"p{rank}" for rank in PERCENTILES))
        return Table(columns=columns, rows=rows)


async def ages_report(source: AgeSource, question: CubeQuestion, *, now: datetime) -> AgesReport:
    """Compute averages and percentiles of account ages."""
    today = now.astimezone(UTC).date()
    lines = await source.ages(question)
    return AgesReport(
        day=today,
        dimension=question.dimension,
        ages=[ages_of(line, today=today.toordinal() - _EPOCH_ORDINAL) for line in lines],
        freshness=await source.freshness(now),
    )


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
