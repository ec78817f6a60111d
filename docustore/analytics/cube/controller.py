"""Routes of the analytics that counters answer."""

from litestar import Controller, Response, get
from litestar.datastructures import State

from docustore.analytics.cube.ages_report import AgesReport
from docustore.analytics.cube.answers import DEFAULT_TOP
from docustore.analytics.cube.ask import (
    Asking,
    Request,
    ask_ages,
    ask_cohorts,
    ask_registrations,
    ask_transitions,
    ask_users,
    source_of,
)
from docustore.analytics.cube.buckets import BucketUnit, Weekday
from docustore.analytics.cube.cohorts_report import CohortsReport
from docustore.analytics.cube.parameters import (
    ETAG,
    NOT_MODIFIED,
    Compare,
    Dimension,
    Format,
    IfNoneMatch,
    IsExact,
    Since,
    TimeZone,
    Top,
    Unit,
    Until,
    WeekStart,
)
from docustore.analytics.cube.registrations_report import RegistrationsReport
from docustore.analytics.cube.responses import R, report_response
from docustore.analytics.cube.transitions_report import TransitionsReport
from docustore.analytics.cube.users_report import UsersReport
from docustore.api.problem_details import problems
from docustore.clock import now_utc
from docustore.security.authentication import AuthorisedRequest
from docustore.security.rate_limits import Policy
from docustore.security.route_limits import RATE_LIMIT_HEADERS, take

RESPONSES = {**problems(422), **NOT_MODIFIED}
HEADERS = [ETAG, *RATE_LIMIT_HEADERS]


class CubeController(Controller):
    """Figures about users, by dimension and time."""

    path = "/analytics"
    tags = ("analytics",)

    @get(
        "/users",
        responses=RESPONSES,
        response_headers=HEADERS,
        operation_id="get_analytics_of_users",
        summary="Count users by dimension",
    )
    async def users(  # noqa: PLR0913, PLR0917  # each one is a parameter
        self,
        request: AuthorisedRequest,
        state: State,
        since: Since = None,
        until: Until = None,
        dimension: Dimension = None,
        top: Top = DEFAULT_TOP,
        time_zone: TimeZone = "UTC",
        compare: Compare = None,
        is_exact: IsExact = False,
        report_format: Format = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response[UsersReport]:
        """Report how many users there are, and how they are distributed.

        With `from` or `to` only users that registered in the period count. Counters answer: the response time does
        not depend on the number of users. `registered` counts all that ever registered, `present` those that are
        not deleted.
        """
        asked = Request(
            since=since, until=until, dimension=dimension, top=top, time_zone=time_zone, compare=compare
        )
        report = await ask_users(await _asking(request, state, is_exact=is_exact), asked)
        return _response(request, report, report_format, if_none_match)

    @get(
        "/registrations",
        responses=RESPONSES,
        response_headers=HEADERS,
        operation_id="list_registrations",
        summary="Registrations by time",
    )
    async def registrations(  # noqa: PLR0913, PLR0917  # each one is a parameter
        self,
        request: AuthorisedRequest,
        state: State,
        since: Since = None,
        until: Until = None,
        bucket: Unit = BucketUnit.DAY,
        time_zone: TimeZone = "UTC",
        week_start: WeekStart = Weekday.MONDAY,
        dimension: Dimension = None,
        top: Top = DEFAULT_TOP,
        compare: Compare = None,
        is_exact: IsExact = False,
        report_format: Format = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response[RegistrationsReport]:
        """Report registrations per hour, day, week or month of a time zone.

        By default of the last 30 days. A user counts with the values that it has today. Deleted users stay in
        `registered`.
        """
        asked = Request(
            since=since,
            until=until,
            unit=bucket,
            time_zone=time_zone,
            week_start=week_start,
            dimension=dimension,
            top=top,
            compare=compare,
        )
        report = await ask_registrations(await _asking(request, state, is_exact=is_exact), asked)
        return _response(request, report, report_format, if_none_match)

    @get(
        "/transitions",
        responses=RESPONSES,
        response_headers=HEADERS,
        operation_id="list_transitions",
        summary="Changes of status by time",
    )
    async def transitions(  # noqa: PLR0913, PLR0917  # each one is a parameter
        self,
        request: AuthorisedRequest,
        state: State,
        since: Since = None,
        until: Until = None,
        bucket: Unit = BucketUnit.DAY,
        time_zone: TimeZone = "UTC",
        week_start: WeekStart = Weekday.MONDAY,
        compare: Compare = None,
        is_exact: IsExact = False,
        report_format: Format = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response[TransitionsReport]:
        """Report how often users changed from one status to another one.

        By default in the last 30 days.
        """
        asked = Request(
            since=since, until=until, unit=bucket, time_zone=time_zone, week_start=week_start, compare=compare
        )
        report = await ask_transitions(await _asking(request, state, is_exact=is_exact), asked)
        return _response(request, report, report_format, if_none_match)

    @get(
        "/cohorts",
        responses=RESPONSES,
        response_headers=HEADERS,
        operation_id="list_cohorts",
        summary="How many users of each month stay",
    )
    async def cohorts(  # each one is a parameter
        self,
        request: AuthorisedRequest,
        state: State,
        since: Since = None,
        until: Until = None,
        is_exact: IsExact = False,
        report_format: Format = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response[CohortsReport]:
        """Report how many users of each month (UTC) were still there later.

        By default of the last 12 months. A user is retained until it is deleted.
        """
        asked = Request(since=since, until=until)
        report = await ask_cohorts(await _asking(request, state, is_exact=is_exact), asked)
        return _response(request, report, report_format, if_none_match)

    @get(
        "/ages",
        responses=RESPONSES,
        response_headers=HEADERS,
        operation_id="list_account_ages",
        summary="How long users have been registered",
    )
    async def ages(  # each one is a parameter
        self,
        request: AuthorisedRequest,
        state: State,
        dimension: Dimension = None,
        top: Top = DEFAULT_TOP,
        is_exact: IsExact = False,
        report_format: Format = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response[AgesReport]:
        """Report the average and percentiles of account ages, in whole days.

        Only users that are not deleted count.
        """
        asked = Request(dimension=dimension, top=top)
        report = await ask_ages(await _asking(request, state, is_exact=is_exact), asked)
        return _response(request, report, report_format, if_none_match)


async def _asking(request: AuthorisedRequest, state: State, *, is_exact: bool) -> Asking:
    if is_exact:
        # It costs as much as a query.
        await take(request, Policy.QUERY, request.auth.key_id)
    source = source_of(state.database, is_exact=is_exact, timeout_ms=state.settings.query_timeout_ms)
    return Asking(source=source, now=now_utc(), read_committed=state.read_committed)


def _response(
    request: AuthorisedRequest, report: R, report_format: Format, if_none_match: str | None
) -> Response[R]:
    accept = request.headers.get("accept")
    return report_response(report, given=report_format, accept=accept, if_none_match=if_none_match)
