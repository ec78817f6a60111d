"""Routes of the ETL: start and read runs."""

from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.datastructures import State
from litestar.params import JSONBody, QueryParameter
from litestar.response import Stream
from pydantic import Field

from docustore.api.body_types import Flag, RequestBody
from docustore.api.event_ids import last_event_id_parameter, number_of
from docustore.api.page_parameters import Cursor, Limit
from docustore.api.pagination import DEFAULT_LIMIT
from docustore.api.problem import problems
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.etl.ledger import get_run
from docustore.etl.models import RunOptions, RunState
from docustore.etl.queries import RunQuery, list_runs
from docustore.etl.route_parameters import RUN_LOCATION, RunId, SourceFilter
from docustore.etl.run_events import MEDIA_TYPE, EventReaders
from docustore.etl.run_record import RunPage, RunRecord, shown_run
from docustore.etl.schedule import known_source
from docustore.etl.trigger import trigger_run
from docustore.queue import Queue, enqueue_run
from docustore.security.authentication import AuthorisedRequest

RunStateParameter = Annotated[RunState | None, QueryParameter(name="state", description="all states if absent")]
LastEventId = Annotated[str | None, last_event_id_parameter("of an event stream: the id of the last event")]
# nginx would hold events back until its buffer is full.
# The media type is a header here, because the framework prefers that of the annotation.
STREAM_HEADERS = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class TriggerInput(RequestBody):
    """The source to read, and the options of the run."""

    source: str = Field(description="a source's name in the settings")
    full: Flag = Field(False, description="read everything, not only what changed since the last run")
    dry_run: Flag = Field(False, description="read, check and count; write nothing")


class EtlController(Controller):
    """Runs."""

    path = "/etl"
    tags = ("etl",)

    @post(
        "/trigger",
        status_code=202,
        responses=problems(404, 409, 413, 415, 422),
        response_headers=[RUN_LOCATION],
        operation_id="start_run",
        summary="Start a run",
    )
    async def trigger(self, state: State, data: JSONBody[TriggerInput]) -> Response[RunRecord]:
        """Start a run of one source; `Location` is the run's path.

        A run of the source with the same options that is due already is returned instead of a second one, and it
        starts at once. While a run of the source is running, the answer is 409 with the id of that run.

        Poll the path until `state` is final. If the queue is unavailable (503), the run is created nevertheless,
        and it starts when the queue is available.
        """
        settings: Settings = state.settings
        queue: Queue = state.queue
        known_source(settings.sources, data.source)
        options = RunOptions(full=data.full, dry_run=data.dry_run)
        now = now_utc()
        run = await trigger_run(state.database, data.source, options=options, now=now)
        await enqueue_run(queue, str(run.id), fence=run.fence, now=now)
        return Response(shown_run(run), status_code=202, headers={"Location": f"/etl/runs/{run.id}"})

    @get("/runs", responses=problems(), operation_id="list_runs", summary="List runs")
    async def runs(
        self,
        source: SourceFilter = None,
        run_state: RunStateParameter = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> RunPage:
        """List runs, newest first."""
        query = RunQuery(source=source, state=run_state, limit=limit, cursor=cursor)
        found, next_cursor = await list_runs(query)
        return RunPage(items=[shown_run(run) for run in found], next_cursor=next_cursor)

    @get("/runs/{run_id:str}", responses=problems(404), operation_id="get_run", summary="Read a run")
    async def run(
        self, request: AuthorisedRequest, state: State, run_id: RunId, last_event_id: LastEventId = None
    ) -> RunRecord:
        """Read one run; until it ends, `counts` are those of its last checkpoint.

        With `Accept: text/event-stream` the answer is a stream of server-sent events, each with the run as data:
        `progress` after each change, and `finished` at the end.
        """
        last_id = 0 if last_event_id is None else number_of(last_event_id)
        run = await get_run(run_id)
        if MEDIA_TYPE not in request.headers.get("accept", ""):
            return shown_run(run)
        readers: EventReaders = state.event_readers
        readers.require_room()
        # The framework sends a response as it is. The annotation describes the JSON.
        return Stream(readers.follow(run_id, last_id=last_id), headers=STREAM_HEADERS)  # type: ignore[return-value]
