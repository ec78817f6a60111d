"""Ask for a report: the checks and defaults that routes and commands share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from docustore.analytics.cube.ages_report import AgesReport, ages_report
from docustore.analytics.cube.answers import DEFAULT_TOP, CubeMetric, CubeQuestion
from docustore.analytics.cube.buckets import BucketUnit, Period, Weekday, period_of
from docustore.analytics.cube.cohorts_report import (
    DEFAULT_MONTHS,
    CohortsReport,
    cohort_months,
    cohorts_report,
    month_after,
)
from docustore.analytics.cube.exact import Exact
from docustore.analytics.cube.marts import Marts
from docustore.analytics.cube.registrations_report import RegistrationsReport, registrations_report
from docustore.analytics.cube.scope import Comparison, Scope, bounded_period, calendar_of, checked_time
from docustore.analytics.cube.slots import first_slot, start_of
from docustore.analytics.cube.transitions import TRANSITIONS
from docustore.analytics.cube.transitions_report import TransitionsReport, transitions_report
from docustore.analytics.cube.users_report import UsersReport, users_report
from docustore.analytics.dimensions import DIMENSIONS
from docustore.database import Database
from docustore.errors import FieldError, InvalidQueryError

Source = Marts | Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a caller asks for, unchecked."""

    since: datetime | None = None
    until: datetime | None = None
    unit: BucketUnit = BucketUnit.DAY
    time_zone: str = "UTC"
    week_start: Weekday = Weekday.MONDAY
    dimension: str | None = None
    top: int = DEFAULT_TOP
    compare: Comparison | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Where one answer comes from, and when."""

    source: Source
    now: datetime


def source_of(database: Database, *, is_exact: bool, timeout_ms: int, committed: Mapping[str, Any]) -> Source:
    """Choose where one answer comes from.

    Args:
        committed: See `Marts`.
    """
    if is_exact:
        return Exact(database=database, max_time_ms=timeout_ms)
    return Marts(database=database, committed=committed)


async def ask_users(asking: Asking, request: Request) -> UsersReport:
    """Report totals and distributions.

    Raises:
        InvalidQueryError: The request is invalid.
    """
    dimensions = len(DIMENSIONS) if request.dimension is None else 1
    return await users_report(asking.source, _unbounded(asking, request, lines=dimensions * (request.top + 2)))


async def ask_registrations(asking: Asking, request: Request) -> RegistrationsReport:
    """Report registrations by bucket.

    Raises:
        InvalidQueryError: The request is invalid.
    """
    period = _period(asking, request, lines=1 if request.dimension is None else request.top + 2)
    return await registrations_report(asking.source, _scope(asking, request, period), period)


async def ask_transitions(asking: Asking, request: Request) -> TransitionsReport:
    """Report changes of status by bucket.

    Raises:
        InvalidQueryError: The request is invalid.
    """
    period = _period(asking, request, lines=len(TRANSITIONS))
    return await transitions_report(asking.source, _scope(asking, request, period), period)


async def ask_cohorts(asking: Asking, request: Request) -> CohortsReport:
    """Report how many users of each month stay; by default of the last 12 months.

    Raises:
        InvalidQueryError: The request is invalid.
    """
    until = asking.now if request.until is None else checked_time(request.until, pointer="/to")
    default = month_after(f"{until.astimezone(UTC):%Y-%m}", months=1 - DEFAULT_MONTHS)
    since = start_of(first_slot(default))
    if request.since is not None:
        since = checked_time(request.since, pointer="/from")
    if since >= until:
        raise InvalidQueryError((FieldError(pointer="/from", code="empty", detail="must be before `to`"),))
    months = cohort_months(period_of(since, until), lines=1 if request.dimension is None else request.top + 2)
    question = CubeQuestion(dimension=request.dimension, top=request.top, by=CubeMetric.REGISTERED)
    return await cohorts_report(asking.source, months, question, now=asking.now)


async def ask_ages(asking: Asking, request: Request) -> AgesReport:
    """Report account ages.

    Raises:
        InvalidQueryError: The request is invalid.
    """
    lines = 1 if request.dimension is None else request.top + 1
    return await ages_report(asking.source, _unbounded(asking, request, lines=lines))


def _unbounded(asking: Asking, request: Request, *, lines: int) -> Scope:
    """Return the scope of a request that is about all times if it has no period."""
    if request.since is not None or request.until is not None:
        return _scope(asking, request, _period(asking, request, lines=lines))
    if request.compare is not None:
        detail = "needs `from`: without a period there is none before it"
        raise InvalidQueryError((FieldError(pointer="/compare", code="needs_period", detail=detail),))
    return _scope(asking, request, None)


def _period(asking: Asking, request: Request, *, lines: int) -> Period:
    calendar = calendar_of(request.time_zone, request.week_start)
    return bounded_period(request.since, request.until, calendar=calendar, now=asking.now, lines=lines)


def _scope(asking: Asking, request: Request, period: Period | None) -> Scope:
    return Scope(
        now=asking.now,
        calendar=calendar_of(request.time_zone, request.week_start),
        period=period,
        unit=request.unit,
        dimension=request.dimension,
        top=request.top,
        compare=request.compare,
    )
