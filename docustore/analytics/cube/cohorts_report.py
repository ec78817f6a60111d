"""`GET /analytics/cohorts`: how many users of each month stay."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec

from docustore.analytics.cube.buckets import Period
from docustore.analytics.cube.freshness import Freshness
from docustore.analytics.cube.slots import month_of
from docustore.analytics.cube.tables import Table
from docustore.analytics.cube.views import share_pct
from docustore.errors import FieldError, InvalidQueryError

DEFAULT_MONTHS: Final = 12
MAX_COHORTS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortCounts:
    """The users that registered in one month; `ends` counts their ends by month."""

    registered: int = 0
    present: int = 0
    active: int = 0
    ends: Mapping[str, int] = field(default_factory=dict)


class CohortSource(Protocol):
    """Where the counts come from."""

    async def cohorts(self, months: Sequence[str]) -> Mapping[str, CohortCounts]:
        """Count the users of each month; a month without users may be absent."""


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
    """The users that registered in one month, UTC.

    `present` are there today, `active` are those of them whose status is active. A cohort of which all users are
    gone has 0 per cent; one that never had a user has null.
    """

    month: str
    registered: int
    present: int
    active: int
    present_pct: float | None
    active_pct: float | None
    cells: list[CohortCell]


class CohortsReport(msgspec.Struct, frozen=True, kw_only=True):
    """Monthly cohorts.

    A user is retained until it is deleted or removed, whatever its status is. A user that is restored counts as if
    it had never been deleted.
    """

    time_zone: str
    cohorts: list[Cohort]
    freshness: Freshness

    def table(self) -> Table:
        """Return one row per cohort and month."""
        rows = [
            (
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
        own = ("cohort", "registered", "present", "active")
        return Table(columns=(*own, "month", "offset", "retained", "retained_pct", "is_unfinished"), rows=rows)


async def cohorts_report(
    source: CohortSource, months: Sequence[str], *, now: datetime, freshness: Freshness
) -> CohortsReport:
    """Count the users of each month that stay."""
    found = await source.cohorts(months)
    present_month = f"{now.astimezone(UTC):%Y-%m}"
    cohorts = [cohort_of(month, found.get(month, CohortCounts()), until=present_month) for month in months]
    return CohortsReport(time_zone="UTC", cohorts=cohorts, freshness=freshness)


def cohort_of(month: str, counts: CohortCounts, *, until: str) -> Cohort:
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
        month=month,
        registered=counts.registered,
        present=counts.present,
        active=counts.active,
        present_pct=share_pct(counts.present, counts.registered),
        active_pct=share_pct(counts.active, counts.registered),
        cells=cells,
    )


def months_between(first: str, last: str) -> Iterator[str]:
    """Yield the months from the first to the last one. Pure."""
    month = first
    while month <= last:
        yield month
        month = month_after(month)


def month_after(month: str, *, months: int = 1) -> str:
    """Return the month that is so many months later, or earlier. Pure."""
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + months
    return f"{number // 12:04}-{number % 12 + 1:02}"


def cohort_months(period: Period) -> list[str]:
    """List the months of a period, UTC.

    Raises:
        InvalidQueryError: There are too many.
    """
    months = list(months_between(month_of(period.first), month_of(period.end - 1)))
    if len(months) > MAX_COHORTS:
        problem = f"the period has more than {MAX_COHORTS} months; ask for a shorter one"
        raise InvalidQueryError((FieldError(pointer="/from", code="too_long", detail=problem),))
    return months
