"""`GET /analytics/cohorts`: how many users of each month stay."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec

from docustore.analytics.cube.answers import CubeQuestion
from docustore.analytics.cube.buckets import Period
from docustore.analytics.cube.freshness import Freshness
from docustore.analytics.cube.slots import month_of
from docustore.analytics.cube.tables import Table
from docustore.analytics.cube.views import share_pct
from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.values import OTHER
from docustore.errors import FieldError, InvalidQueryError

DEFAULT_MONTHS: Final = 12
MAX_COHORTS: Final = 60
# Cohorts of values; each has a cell for every month until now.
MAX_LINES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortCounts:
    """The users that registered in one month; `ends` counts their ends by month.

    `active` is None where it is not counted: by value.
    """

    registered: int = 0
    present: int = 0
    active: int | None = 0
    ends: Mapping[str, int] = field(default_factory=dict)


NO_USERS: Final = CohortCounts()
NO_USERS_OF_A_VALUE: Final = CohortCounts(active=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortLine:
    """The cohorts of one value; `value` None = all users.

    Months without users may be absent.
    """

    value: str | None
    months: Mapping[str, CohortCounts]


class CohortSource(Protocol):
    """Where the counts come from."""

    async def cohorts(self, months: Sequence[str], question: CubeQuestion) -> Sequence[CohortLine]:
        """Count the users of each month: all users first, then the values, then `other`."""

    async def freshness(self, now: datetime) -> Freshness:
        """Tell how old the counts are."""


class CohortCell(msgspec.Struct, frozen=True, kw_only=True):
    """The users of a cohort that were there at the end of a month.

    The month is `offset` months after that of the cohort. `is_unfinished`: the month has not ended, so `retained`
    may still fall.
    """

    month: str
    offset: int
    retained: int
    retained_pct: float | None
    is_unfinished: bool


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """The users that registered in one month, UTC; `value` null = all users.

    `present` are there today, `active` are those of them whose status is active, null by value. A cohort of which
    all users are gone has 0 per cent; one that never had a user has null.
    """

    value: str | None
    month: str
    registered: int
    present: int
    active: int | None
    present_pct: float | None
    active_pct: float | None
    cells: list[CohortCell]


class CohortsReport(msgspec.Struct, frozen=True, kw_only=True):
    """Monthly cohorts.

    A user is retained until it is deleted or removed, whatever its status is. A user that is restored counts as if
    it had never been deleted. With a `dimension`, a user counts with the values that it has today, a deleted one
    with its last ones; if the dimension `is_multi_valued`, it counts once for each of its values.
    """

    time_zone: str
    dimension: str | None
    is_multi_valued: bool
    cohorts: list[Cohort]
    freshness: Freshness

    def table(self) -> Table:
        """Return one row per cohort and month."""
        rows = [
            (
                cohort.value,
                cohort.month,
                cohort.registered,
                cohort.present,
                cohort.active,
                cell.month,
                cell.offset,
                cell.retained,
                cell.retained_pct,
                cell.is_unfinished,
            )
            for cohort in self.cohorts
            for cell in cohort.cells
        ]
        own = ("value", "cohort", "registered", "present", "active")
        return Table(columns=(*own, "month", "offset", "retained", "retained_pct", "is_unfinished"), rows=rows)


async def cohorts_report(
    source: CohortSource, months: Sequence[str], question: CubeQuestion, *, now: datetime
) -> CohortsReport:
    """Count the users of each month that stay."""
    lines = await source.cohorts(months, question)
    present_month = f"{now.astimezone(UTC):%Y-%m}"
    cohorts = [
        cohort_of(
            month,
            line.months.get(month, NO_USERS if line.value is None else NO_USERS_OF_A_VALUE),
            until=present_month,
            value=line.value,
        )
        for line in lines
        for month in months
    ]
    dimension = question.dimension
    return CohortsReport(
        time_zone="UTC",
        dimension=dimension,
        is_multi_valued=dimension is not None and DIMENSIONS[dimension].is_multi_valued,
        cohorts=cohorts,
        freshness=await source.freshness(now),
    )


def rest_of(assigned: Mapping[str, CohortCounts], named: Sequence[CohortLine]) -> list[CohortLine]:
    """Return the cohorts of all values that are not named, as `other`. Pure."""
    months = {
        month: _less(whole, [line.months[month] for line in named if month in line.months])
        for month, whole in assigned.items()
    }
    left = {month: counts for month, counts in months.items() if counts.registered}
    return [CohortLine(value=OTHER, months=left)] if left else []


def _less(whole: CohortCounts, parts: Sequence[CohortCounts]) -> CohortCounts:
    ends = {month: number - sum(part.ends.get(month, 0) for part in parts) for month, number in whole.ends.items()}
    return CohortCounts(
        registered=whole.registered - sum(part.registered for part in parts),
        present=whole.present - sum(part.present for part in parts),
        active=None,
        ends={month: number for month, number in ends.items() if number},
    )


def cohort_of(month: str, counts: CohortCounts, *, until: str, value: str | None = None) -> Cohort:
    """Compute the cells of one cohort, to the present month. Pure."""
    cells = []
    retained = counts.registered
    # An end before the registration, by a wrong clock, counts in the first month.
    early = sum(number for ended, number in counts.ends.items() if ended < month)
    for offset, each in enumerate(months_between(month, until)):
        retained -= counts.ends.get(each, 0) + (early if offset == 0 else 0)
        cells.append(
            CohortCell(
                month=each,
                offset=offset,
                retained=retained,
                retained_pct=share_pct(retained, counts.registered),
                is_unfinished=each == until,
            )
        )
    return Cohort(
        value=value,
        month=month,
        registered=counts.registered,
        present=counts.present,
        active=counts.active,
        present_pct=share_pct(counts.present, counts.registered),
        active_pct=None if counts.active is None else share_pct(counts.active, counts.registered),
        cells=cells,
    )


def months_between(first: str, last: str) -> Iterator[str]:
    """Yield the months from the first to the last one. Pure."""
    # By number: the month after the last one of the calendar has a year of five digits.
    for number in range(_number_of(first), _number_of(last) + 1):
        yield _month_of(number)


def month_after(month: str, *, months: int = 1) -> str:
    """Return the month that is so many months later, or earlier. Pure."""
    return _month_of(_number_of(month) + months)


def _number_of(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _month_of(number: int) -> str:
    return f"{number // 12:04}-{number % 12 + 1:02}"


def cohort_months(period: Period, *, lines: int = 1) -> list[str]:
    """List the months of a period, UTC.

    Args:
        lines: How many values are read of each month.

    Raises:
        InvalidQueryError: There are too many.
    """
    months = list(months_between(month_of(period.first), month_of(period.end - 1)))
    if len(months) > MAX_COHORTS:
        problem = f"the period has more than {MAX_COHORTS} months; ask for a shorter one"
        raise InvalidQueryError((FieldError(pointer="/from", code="too_long", detail=problem),))
    if len(months) * lines > MAX_LINES:
        problem = "the period is too long for so many values; ask for a shorter one or a smaller `top`"
        raise InvalidQueryError((FieldError(pointer="/from", code="too_long", detail=problem),))
    return months
