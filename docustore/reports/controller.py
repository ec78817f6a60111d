"""Routes of scheduled reports.

All need the scope `admin`, since reports send figures away.
"""

from http import HTTPStatus
from typing import Annotated

from litestar import Controller, Response, delete, get, post, put
from litestar.datastructures import ResponseHeader, State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from docustore.api.entity_tags import entity_tag
from docustore.api.problem import problems
from docustore.clock import now_utc
from docustore.database import Database, Document
from docustore.reports.bodies import ReportInput
from docustore.reports.deliveries import last_delivery, list_deliveries
from docustore.reports.schedule import deliver_now
from docustore.reports.store import find_report, list_reports, remove_report, save_report, set_paused
from docustore.reports.views import (
    ReportDeliveryView,
    ReportView,
    SavedReportView,
    report_delivery_view,
    report_view,
)
from docustore.security.authentication import ADMIN, AuthorisedRequest, limited
from docustore.security.rate_limits import Policy
from docustore.security.route_limits import RATE_LIMIT_HEADERS
from docustore.users.query_parameters import if_match_parameter

Name = Annotated[str, PathParameter(description="the `name` of the report")]
Limit = Annotated[int, QueryParameter(ge=1, le=100, description="deliveries at most")]
IfMatchHeader = Annotated[
    str | None,
    if_match_parameter("the `ETag` of the version to replace, or `*`; only for a report that exists"),
]
ETAG = ResponseHeader(name="ETag", description="the version of the report", documentation_only=True)


class ReportController(Controller):
    """Saved queries whose answers are sent by a schedule."""

    path = "/analytics/reports"
    tags = ("analytics",)
    opt = ADMIN

    @get("/", responses=problems(), operation_id="list_reports", summary="List reports")
    async def list_all(self, state: State) -> list[ReportView]:
        """List all reports by name, each with its last delivery."""
        return [await _view(state.database, each) for each in await list_reports(state.database)]

    @get(
        "/{name:str}",
        responses=problems(404),
        response_headers=[ETAG],
        operation_id="get_report",
        summary="Read a report",
    )
    async def read(self, state: State, name: Name) -> Response[ReportView]:
        """Read one report with its last delivery."""
        view = await _view(state.database, await find_report(state.database, name))
        return Response(view, headers={"ETag": entity_tag(view.version)})

    @put(
        "/{name:str}",
        responses={
            **problems(409, 412, 413, 415, 422, 428),
            201: ResponseSpec(data_container=SavedReportView, description="saved under a new name"),
        },
        response_headers=[ETAG],
        operation_id="save_report",
        summary="Save a report",
    )
    async def save(
        self,
        request: AuthorisedRequest,
        state: State,
        name: Name,
        data: JSONBody[ReportInput],
        if_match: IfMatchHeader = None,
    ) -> Response[SavedReportView]:
        """Save a report under a new name, or replace it with the version in `If-Match`.

        The secret of its webhook is shown only when it is made. A private address must be allowed by the settings.
        """
        saved, secret = await save_report(
            state.database,
            state.settings,
            name,
            data,
            if_match=if_match,
            actor=request.auth.actor,
            now=now_utc(),
        )
        view = SavedReportView(report=await _view(state.database, saved), secret=secret)
        status = HTTPStatus.CREATED if saved["version"] == 1 else HTTPStatus.OK
        return Response(view, status_code=status.value, headers={"ETag": entity_tag(saved["version"])})

    @delete("/{name:str}", responses=problems(404), operation_id="delete_report", summary="Delete a report")
    async def remove(self, request: AuthorisedRequest, state: State, name: Name) -> None:
        """Delete a report and its deliveries."""
        await remove_report(state.database, name, actor=request.auth.actor)

    @post(
        "/{name:str}/pause",
        status_code=200,
        responses=problems(404),
        operation_id="pause_report",
        summary="Pause a report",
    )
    async def pause(self, request: AuthorisedRequest, state: State, name: Name) -> ReportView:
        """Enter no more slots; what is due is skipped."""
        return await _set_paused(request, state, name, is_paused=True)

    @post(
        "/{name:str}/resume",
        status_code=200,
        responses=problems(404),
        operation_id="resume_report",
        summary="Resume a report",
    )
    async def resume(self, request: AuthorisedRequest, state: State, name: Name) -> ReportView:
        """Enter the slots from now on."""
        return await _set_paused(request, state, name, is_paused=False)

    @post(
        "/{name:str}/run",
        status_code=200,
        opt={**ADMIN, **limited(Policy.QUERY)},
        responses=problems(404),
        response_headers=RATE_LIMIT_HEADERS,
        operation_id="run_report",
        summary="Deliver a report now",
    )
    async def run(self, request: AuthorisedRequest, state: State, name: Name) -> ReportDeliveryView:
        """Answer the query and send the rows now, also of a paused report.

        A failure is retried.
        """
        found = await deliver_now(state.database, state.settings, name, actor=request.auth.actor)
        return report_delivery_view(found)

    @get(
        "/{name:str}/deliveries",
        responses=problems(404),
        operation_id="list_report_deliveries",
        summary="List deliveries of a report",
    )
    async def deliveries(self, state: State, name: Name, limit: Limit = 20) -> list[ReportDeliveryView]:
        """List the deliveries of a report, the latest slot first.

        They are kept for 90 days.
        """
        await find_report(state.database, name)
        return [report_delivery_view(each) for each in await list_deliveries(state.database, name, limit=limit)]


async def _set_paused(request: AuthorisedRequest, state: State, name: str, *, is_paused: bool) -> ReportView:
    report = await set_paused(state.database, name, is_paused=is_paused, actor=request.auth.actor, now=now_utc())
    return await _view(state.database, report)


async def _view(database: Database, report: Document) -> ReportView:
    return report_view(report, await last_delivery(database, report["_id"]), now=now_utc())
