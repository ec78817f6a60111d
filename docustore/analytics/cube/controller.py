"""Routes of the analytics that counters answer."""

from collections.abc import Mapping
from typing import Final

from litestar import Controller, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation

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
from docustore.analytics.cube.responses import ReportForm
from docustore.analytics.cube.transitions_report import TransitionsReport
from docustore.analytics.cube.users_report import UsersReport
from docustore.api.problem import problems
from docustore.clock import now_utc
from docustore.security.authentication import AuthorisedRequest
from docustore.security.rate_limits import Policy
from docustore.security.route_limits import RATE_LIMIT_HEADERS, take

RESPONSES = {**problems(422), **NOT_MODIFIED}
HEADERS = [ETAG, *RATE_LIMIT_HEADERS]
AskingFor = NamedDependency[SkipValidation[Asking]]
Form = NamedDependency[SkipValidation[ReportForm]]


async def asking_for(request: AuthorisedRequest, state: State, *, is_exact: IsExact = False) -> Asking:
    """Choose where answers come from.

    Raises:
        TooManyRequestsError: The caller has used its quota of exact answers.
    """
    if is_exact:
        # It costs as much as a query.
        await take(request, Policy.QUERY, request.auth.key_id)
    source = source_of(
        state.database,
        is_exact=is_exact,
        timeout_ms=state.settings.query_timeout_ms,
        committed=state.committed_stage,
    )
    return Asking(source=source, now=now_utc())


def report_form(
    request: AuthorisedRequest, *, report_format: Format = None, if_none_match: IfNoneMatch = None
) -> ReportForm:
    """Read in which form the client wants a report."""
    return ReportForm(given=report_format, accept=request.headers.get("accept"), if_none_match=if_none_match)


DEPENDENCIES: Final[Mapping[str, Provide]] = {
    "asking": Provide(asking_for),
    "form": Provide(report_form, sync_to_thread=False),
}


class CubeController(Controller):
    """Figures about users, by dimension and time."""

    path = "/analytics"
    tags = ("analytics",)
    dependencies = DEPENDENCIES

    @get(
        "/users",
        responses=RESPONSES,
        response_headers=HEADERS,
        operation_id="get_analytics_of_users",
        summary="Count users by dimension",
    )
    async def users(  # noqa: PLR0913  # each one is a parameter
        self,
        *,
        since: Since = None,
        until: Until = None,
        dimension: Dimension = None,
        top: Top = DEFAULT_TOP,
        time_zone: TimeZone = "UTC",
        compare: Compare = None,
        asking: AskingFor,
        form: Form,
    ) -> Response[UsersReport]:
        """Report how many users there are, and how they are distributed.

        With `from` or `to` only users that registered in the period count. Counters answer: the response time does
        not depend on the number of users. `registered` counts all that ever registered, `present` those that are
        not deleted.
        """
        asked = Request(
            since=since, until=until, dimension=dimension, top=top, time_zone=time_zone, compare=compare
        )
        return form.response(await ask_users(asking, asked))

    @get(
        "/registrations",
        responses=RESPONSES,
        response_headers=HEADERS,
        operation_id="list_registrations",
        summary="Registrations by time",
    )
    async def registrations(  # noqa: PLR0913  # each one is a parameter
        self,
        *,
        since: Since = None,
        until: Until = None,
        bucket: Unit = BucketUnit.DAY,
        time_zone: TimeZone = "UTC",
        week_start: WeekStart = Weekday.MONDAY,
        dimension: Dimension = None,
        top: Top = DEFAULT_TOP,
        compare: Compare = None,
        asking: AskingFor,
        form: Form,
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
        return form.response(await ask_registrations(asking, asked))

    @get(
        "/transitions",
        responses=RESPONSES,
        response_headers=HEADERS,
        operation_id="list_transitions",
        summary="Changes of status by time",
    )
    async def transitions(  # noqa: PLR0913  # each one is a parameter
        self,
        *,
        since: Since = None,
        until: Until = None,
        bucket: Unit = BucketUnit.DAY,
        time_zone: TimeZone = "UTC",
        week_start: WeekStart = Weekday.MONDAY,
        compare: Compare = None,
        asking: AskingFor,
        form: Form,
    ) -> Response[TransitionsReport]:
        """Report how often users changed from one status to another one.

        By default in the last 30 days.
        """
        asked = Request(
            since=since, until=until, unit=bucket, time_zone=time_zone, week_start=week_start, compare=compare
        )
        return form.response(await ask_transitions(asking, asked))

    @get(
        "/cohorts",
        responses=RESPONSES,
        response_headers=HEADERS,
        operation_id="list_cohorts",
        summary="How many users of each month stay",
    )
    async def cohorts(
        self,
        *,
        since: Since = None,
        until: Until = None,
        dimension: Dimension = None,
        top: Top = DEFAULT_TOP,
        asking: AskingFor,
        form: Form,
    ) -> Response[CohortsReport]:
        """Report how many users of each month (UTC) were still there later.

        By default of the last 12 months. A user is retained until it is deleted. With a `dimension`, the cohorts
        of all users come first, then those of each value, then `other`.
        """
        asked = Request(since=since, until=until, dimension=dimension, top=top)
        return form.response(await ask_cohorts(asking, asked))

    @get(
        "/ages",
        responses=RESPONSES,
        response_headers=HEADERS,
        operation_id="list_account_ages",
        summary="How long users have been registered",
    )
    async def ages(  # noqa: PLR0913  # each one is a parameter
        self,
        *,
        since: Since = None,
        until: Until = None,
        dimension: Dimension = None,
        top: Top = DEFAULT_TOP,
        time_zone: TimeZone = "UTC",
        compare: Compare = None,
        asking: AskingFor,
        form: Form,
    ) -> Response[AgesReport]:
        """Report the average and percentiles of account ages, in whole days.

        Only users that are not deleted count; with `from` or `to` only those that registered in the period.
        """
        asked = Request(
            since=since, until=until, dimension=dimension, top=top, time_zone=time_zone, compare=compare
        )
        return form.response(await ask_ages(asking, asked))
