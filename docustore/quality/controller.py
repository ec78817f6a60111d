"""Routes of data quality: report, violating users, full check."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from litestar import Controller, delete, get, post, put
from litestar.datastructures import State
from litestar.params import JSONBody, PathParameter, QueryParameter
from pydantic import Field

from docustore.api.body_types import Reason, RequestBody, RequestTime
from docustore.api.pagination import DEFAULT_LIMIT, MAX_LIMIT, Position, decode_cursor, encode_cursor
from docustore.api.problem import problems
from docustore.clock import as_naive_utc, as_utc, now_utc
from docustore.quality.checks import CheckTrigger, run_check
from docustore.quality.hours import Bucket
from docustore.quality.report import QualityReport, quality_report
from docustore.quality.rules import Dimension
from docustore.quality.stored import USER_QUALITY
from docustore.quality.trend import QualityTrend, quality_trend, subject_of
from docustore.quality.verdict import RuleSet
from docustore.quality.violations import After, violations
from docustore.quality.waivers import Waiver, unwaive_rule, waive_rule
from docustore.security.authentication import ADMIN, AuthorisedRequest, limited
from docustore.security.rate_limits import Policy
from docustore.security.route_limits import RATE_LIMIT_HEADERS
from docustore.users.lookup import find_listed
from docustore.users.views import UserView, user_view

RuleName = Annotated[str, PathParameter(description="the `name` of the rule")]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="maximum number of users on one page")]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before")]
From = Annotated[
    datetime | None, QueryParameter(name="from", description="begin; by default seven days of hours or 90 days")
]
To = Annotated[datetime | None, QueryParameter(name="to", description="end, exclusive; by default now")]
BucketWidth = Annotated[Bucket, QueryParameter(description="the width of a point, in UTC")]
OfRule = Annotated[str | None, QueryParameter(description="the `name` of a rule, instead of the overall score")]
OfDimension = Annotated[Dimension | None, QueryParameter(description="a dimension, instead of the overall score")]

_REPAIR: Final = f"POST /changes/effects/{USER_QUALITY}/rebuild judges all users again and corrects every counter"


class ViolationPage(msgspec.Struct, frozen=True):
    """One page of the users that violate a rule, in the order of their ids."""

    items: list[UserView]
    next_cursor: str | None


class QualityCheck(msgspec.Struct, frozen=True):
    """The result of a full check.

    `differences` says how the kept figures differ from the users; empty = not at all. It is null if they could not
    be compared, and `problem` says why. `next_step` repairs a difference.
    """

    differences: list[str] | None
    problem: str | None
    next_step: str | None
    at: datetime | None
    duration_s: float | None


class WaiverInput(RequestBody):
    """Until when and why the violations of a rule are accepted."""

    until: RequestTime = Field(description="the rule counts again from this time; at most a year ahead")
    reason: Reason


class QualityController(Controller):
    """The quality of the stored users."""

    path = "/quality"
    tags = ("quality",)

    @get("/report", responses=problems(), operation_id="get_quality_report", summary="How good is the data?")
    async def report(self, state: State) -> QualityReport:
        """Report on every rule, with a score per dimension and overall.

        The figures are kept from every change; the response time does not depend on the number of users.
        """
        return await quality_report(state.database, rules_of(state), now=as_naive_utc(now_utc()))

    @get("/trend", responses=problems(), operation_id="get_quality_trend", summary="How did the quality change?")
    async def trend(  # each one is a query parameter
        self,
        state: State,
        since: From = None,
        until: To = None,
        bucket: BucketWidth = Bucket.HOUR,
        rule: OfRule = None,
        dimension: OfDimension = None,
    ) -> QualityTrend:
        """Show the overall score, or that of a dimension or a rule, by hour or day.

        The worker stores the figures once an hour. A bucket without stored figures is a gap: its figures are null.
        Hours of old days are stored as days only.
        """
        return await quality_trend(
            state.database,
            subject_of(rules_of(state), rule=rule, dimension=dimension),
            bucket=bucket,
            since=since and as_utc(since),
            until=until and as_utc(until),
            now=now_utc(),
        )

    @get(
        "/rules/{name:str}/users",
        responses=problems(400, 404),
        operation_id="list_quality_violations",
        summary="Users that violate a rule",
    )
    async def violations(
        self, state: State, name: RuleName, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> ViolationPage:
        """List the users that violate a rule; users that share a value follow each other."""
        rule, rule_id = rules_of(state).named(name)
        bound = ("violations", rule_id)
        after = None if cursor is None else After.parse(decode_cursor(cursor, query=bound).id)
        now = as_naive_utc(now_utc())
        page = await violations(state.database, rule, rule_id, after=after, limit=limit, now=now)
        found = await find_listed(page.user_ids)
        position = None if page.after is None else Position(at=None, id=page.after.text)
        next_cursor = None if position is None else encode_cursor(position, query=bound)
        return ViolationPage(items=[user_view(user) for user in found], next_cursor=next_cursor)

    @post(
        "/run",
        status_code=200,
        opt=limited(Policy.EXPORT),
        responses=problems(),
        response_headers=RATE_LIMIT_HEADERS,
        operation_id="run_quality_check",
        summary="Check the kept figures",
    )
    async def run(self, state: State) -> QualityCheck:
        """Judge all users and count all verdicts again; say what differs.

        The result is stored: `last_check` of the report shows it. A difference is a defect; `next_step` tells how
        to repair it.
        """
        found = await run_check(state.database, rules_of(state), state.check_quality, trigger=CheckTrigger.API)
        if isinstance(found, str):
            return QualityCheck(differences=None, problem=found, next_step=None, at=None, duration_s=None)
        return QualityCheck(
            differences=found["differences"],
            problem=None,
            next_step=_REPAIR if found["differences"] else None,
            at=found["at"],
            duration_s=found["duration_s"],
        )

    @put(
        "/rules/{name:str}/waiver",
        opt=ADMIN,
        responses=problems(404, 413, 415, 422),
        operation_id="waive_quality_rule",
        summary="Waive a rule",
    )
    async def waive(
        self, request: AuthorisedRequest, state: State, name: RuleName, data: JSONBody[WaiverInput]
    ) -> Waiver:
        """Accept the violations of a rule until a time.

        The rule is then `waived`, never `passed`, and raises no alert. When the time has passed it counts again.
        """
        rules_of(state).named(name)
        return await waive_rule(
            state.database,
            name,
            until=as_utc(data.until),
            reason=data.reason,
            actor=request.auth.actor,
            now=now_utc(),
        )

    @delete(
        "/rules/{name:str}/waiver",
        opt=ADMIN,
        responses=problems(404),
        operation_id="unwaive_quality_rule",
        summary="End a waiver",
    )
    async def unwaive(self, request: AuthorisedRequest, state: State, name: RuleName) -> None:
        """Let a waived rule count again at once."""
        await unwaive_rule(state.database, name, actor=request.auth.actor)


def rules_of(state: State) -> RuleSet:
    """Return the rules of the service; they are prepared once."""
    rules: RuleSet = state.quality_rules
    return rules
