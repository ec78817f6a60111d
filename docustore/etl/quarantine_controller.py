"""Routes of the quarantine: read, replay, ignore, reopen and export records."""

from typing import Annotated, Any

from litestar import Controller, get, post
from litestar.datastructures import State
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.response import Stream

from docustore.api.page_parameters import Cursor, Limit
from docustore.api.pagination import DEFAULT_LIMIT
from docustore.api.problem import problems
from docustore.api.request_ids import request_id
from docustore.clock import now_utc
from docustore.etl.models import QuarantineState
from docustore.etl.quarantine_actions import ignore_entries, reopen_entries
from docustore.etl.quarantine_bodies import ChangedRecords, IgnoreInput, IgnoreReasonInput, ReplayInput
from docustore.etl.quarantine_export import export_entries
from docustore.etl.quarantine_record import QuarantinePage, QuarantineRecord, shown_record, shown_summary
from docustore.etl.queries import QuarantineQuery, find_quarantined, list_quarantined
from docustore.etl.replay import Replayer, replay
from docustore.etl.replay_report import ReplayedRecord, ReplayReport
from docustore.etl.route_parameters import SourceFilter
from docustore.etl.selection import Selection
from docustore.security.authentication import ADMIN, AuthorisedRequest, limited
from docustore.security.models import Scope
from docustore.security.rate_limits import Policy
from docustore.security.route_limits import RATE_LIMIT_HEADERS

Id = Annotated[str, PathParameter(description="the `id` of the record")]
Code = Annotated[str | None, QueryParameter(description="one of the reasons, such as `email_malformed`")]
RunId = Annotated[str | None, QueryParameter(name="run", description="the last run that read the record")]
StateParameter = Annotated[QuarantineState, QueryParameter(name="state", description="the record's state")]
NDJSON = "application/x-ndjson"
ANY_STATE = tuple(QuarantineState)


class QuarantineController(Controller):
    """The quarantined records."""

    path = "/etl/quarantine"
    tags = ("quarantine",)

    @get("/", responses=problems(), operation_id="list_quarantined_records", summary="List quarantined records")
    async def quarantined(
        self,
        source: SourceFilter = None,
        record_state: StateParameter = QuarantineState.OPEN,
        code: Code = None,
        run_id: RunId = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> QuarantinePage:
        """List records that could not be loaded, last seen first, each with every reason."""
        query = QuarantineQuery(
            source=source, state=record_state, code=code, run_id=run_id, limit=limit, cursor=cursor
        )
        found, next_cursor = await list_quarantined(query)
        return QuarantinePage(items=[shown_summary(record) for record in found], next_cursor=next_cursor)

    @get(
        "/export",
        opt={**ADMIN, **limited(Policy.EXPORT)},
        responses=problems(),
        response_headers=RATE_LIMIT_HEADERS,
        media_type=NDJSON,
        operation_id="export_quarantined_records",
        summary="Export quarantined records",
    )
    async def export(
        self,
        request: AuthorisedRequest,
        state: State,
        source: SourceFilter = None,
        record_state: StateParameter = QuarantineState.OPEN,
        code: Code = None,
        run_id: RunId = None,
    ) -> Stream:
        """Return records with their texts as NDJSON, oldest first."""
        selection = Selection(source=source, code=code, run_id=run_id, states=(record_state,))
        return Stream(export_entries(state.database, selection, actor=request.auth.actor), media_type=NDJSON)

    @post(
        "/replay",
        status_code=200,
        responses=problems(404, 413, 415, 422),
        operation_id="replay_quarantined_records",
        summary="Replay quarantined records",
    )
    async def replay_many(
        self, request: AuthorisedRequest, state: State, data: JSONBody[ReplayInput]
    ) -> ReplayReport:
        """Load open records again, oldest first, by the present code and settings.

        A record that loads closes its entry. One that is rejected again stays open, with its present reasons.
        """
        replayer = _replayer(request, state, is_dry_run=data.dry_run)
        return await replay(replayer, data.selection(), limit=data.limit)

    @post(
        "/ignore",
        status_code=200,
        responses=problems(404, 413, 415, 422),
        operation_id="ignore_quarantined_records",
        summary="Ignore quarantined records",
    )
    async def ignore_many(
        self, request: AuthorisedRequest, state: State, data: JSONBody[IgnoreInput]
    ) -> ChangedRecords:
        """Ignore open records; they stay ignored when they are read again."""
        changed = await ignore_entries(
            state.database, data.selection(), reason=data.reason, actor=request.auth.actor, now=now_utc()
        )
        return ChangedRecords(changed=changed)

    @get(
        "/{record_id:str}",
        responses=problems(404),
        operation_id="get_quarantined_record",
        summary="Read a quarantined record",
    )
    async def quarantined_record(self, request: AuthorisedRequest, record_id: Id) -> QuarantineRecord:
        """Read one record that could not be loaded.

        The text that the source sent needs the scope `admin`. Its passwords, tokens and keys are masked.
        """
        return await _shown(request, record_id)

    @post(
        "/{record_id:str}/replay",
        status_code=200,
        responses=problems(404),
        operation_id="replay_quarantined_record",
        summary="Replay a quarantined record",
    )
    async def replay_one(self, request: AuthorisedRequest, state: State, record_id: Id) -> ReplayedRecord:
        """Load one record again, also one that is ignored or resolved."""
        selection = Selection(ids=(record_id,), states=ANY_STATE)
        report = await replay(_replayer(request, state, is_dry_run=False), selection)
        return report.records[0]

    @post(
        "/{record_id:str}/ignore",
        status_code=200,
        responses=problems(404, 413, 415, 422),
        operation_id="ignore_quarantined_record",
        summary="Ignore a quarantined record",
    )
    async def ignore_one(
        self, request: AuthorisedRequest, state: State, record_id: Id, data: JSONBody[IgnoreReasonInput]
    ) -> QuarantineRecord:
        """Ignore one record, with a reason.

        A record that is not open stays as it is.
        """
        selection = Selection(ids=(record_id,))
        await ignore_entries(
            state.database, selection, reason=data.reason, actor=request.auth.actor, now=now_utc()
        )
        return await _shown(request, record_id)

    @post(
        "/{record_id:str}/reopen",
        status_code=200,
        responses=problems(404),
        operation_id="reopen_quarantined_record",
        summary="Reopen a quarantined record",
    )
    async def reopen_one(self, request: AuthorisedRequest, state: State, record_id: Id) -> QuarantineRecord:
        """Open one record again that was ignored or resolved."""
        await reopen_entries(state.database, Selection(ids=(record_id,)), actor=request.auth.actor)
        return await _shown(request, record_id)


async def _shown(request: AuthorisedRequest, record_id: str) -> QuarantineRecord:
    with_raw = request.auth.scope.includes(Scope.ADMIN)
    return shown_record(await find_quarantined(record_id), with_raw=with_raw)


def _replayer(request: AuthorisedRequest, state: Any, *, is_dry_run: bool) -> Replayer:
    return Replayer(
        database=state.database,
        settings=state.settings,
        actor=request.auth.actor,
        request_id=request_id(request.scope),
        is_dry_run=is_dry_run,
    )
