"""Routes of what keeps a run from doing harm."""

from datetime import datetime

from litestar import Controller, Response, get, post, put
from litestar.datastructures import State
from litestar.params import JSONBody
from pydantic import BaseModel, Field

from docustore.api.body_types import Flag, RequestBody, RequestTime
from docustore.api.problem import problems
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.etl.guards.approval import approve_run
from docustore.etl.guards.backfill import create_backfill
from docustore.etl.guards.diff import RunDiff
from docustore.etl.guards.diffs import find_diff
from docustore.etl.guards.watermark import read_watermark, set_watermark
from docustore.etl.ledger import get_run
from docustore.etl.models import EtlRun, RunOptions, RunTrigger
from docustore.etl.route_parameters import RUN_LOCATION, RunId, SourceName
from docustore.etl.run_record import RunRecord, shown_run
from docustore.etl.schedule import known_source
from docustore.queue import Queue, enqueue_run
from docustore.security.authentication import ADMIN, AuthorisedRequest


class BackfillInput(RequestBody):
    """The window to read again."""

    since: RequestTime = Field(description="records modified at or after this time")
    until: RequestTime = Field(description="records modified before this time")
    dry_run: Flag = Field(False, description="read, check and compare; write nothing")


class WatermarkInput(RequestBody):
    """The time from which the next run reads."""

    watermark: RequestTime | None = Field(description="null lets the next run read everything")


class WatermarkView(BaseModel):
    """The time from which the next run reads, but for the lag window.

    Null reads everything.
    """

    source: str
    watermark: datetime | None


class EtlGuardsController(Controller):
    """Approval of held runs, differences of dry runs, backfills, watermarks."""

    path = "/etl"
    tags = ("etl",)

    @post(
        "/runs/{run_id:str}/approve",
        status_code=202,
        opt=ADMIN,
        responses=problems(404, 409),
        response_headers=[RUN_LOCATION],
        operation_id="approve_run",
        summary="Approve a held run",
    )
    async def approve(self, request: AuthorisedRequest, state: State, run_id: RunId) -> Response[RunRecord]:
        """Let the change of a held run through, by a new run of the same window.

        The new run may change as much as `hold.total` of the held run says, beyond the limits of the source.
        `Location` is its path. The answer is 409 if the run does not wait, or if its source has succeeded or was
        held again since.
        """
        settings: Settings = state.settings
        queue: Queue = state.queue
        known_source(settings.sources, (await get_run(run_id)).source)
        now = now_utc()
        run = await approve_run(state.database, run_id, actor=request.auth.actor, now=now, trigger=RunTrigger.API)
        return await _enqueued(queue, run, now=now)

    @get(
        "/runs/{run_id:str}/diff",
        responses=problems(404),
        operation_id="get_run_diff",
        summary="What would a dry run change?",
    )
    async def diff(self, state: State, run_id: RunId) -> RunDiff:
        """Read what a dry run would change, field by field.

        `users` and `fields` count everything; `samples` are the first 20 users of each outcome.
        """
        return await find_diff(state.database, run_id)

    @post(
        "/sources/{name:str}/backfill",
        status_code=202,
        opt=ADMIN,
        responses=problems(404, 409, 413, 415, 422),
        response_headers=[RUN_LOCATION],
        operation_id="backfill_source",
        summary="Read a window again",
    )
    async def backfill(
        self, request: AuthorisedRequest, state: State, name: SourceName, data: JSONBody[BackfillInput]
    ) -> Response[RunRecord]:
        """Read a window of a source again, beside its live run.

        `Location` is the run's path. The watermark does not move. While another backfill of the source is running,
        the answer is 409.
        """
        settings: Settings = state.settings
        queue: Queue = state.queue
        known_source(settings.sources, name)
        now = now_utc()
        run = await create_backfill(
            state.database,
            name,
            options=RunOptions(since=data.since, until=data.until, dry_run=data.dry_run),
            actor=request.auth.actor,
            now=now,
            trigger=RunTrigger.API,
        )
        return await _enqueued(queue, run, now=now)

    @get(
        "/sources/{name:str}/watermark",
        responses=problems(404),
        operation_id="get_watermark",
        summary="Read a watermark",
    )
    async def watermark(self, state: State, name: SourceName) -> WatermarkView:
        """Read the time from which the next run of a source reads."""
        known_source(state.settings.sources, name)
        return WatermarkView(source=name, watermark=await read_watermark(state.database, name))

    @put(
        "/sources/{name:str}/watermark",
        opt=ADMIN,
        responses=problems(404, 409, 413, 415, 422),
        operation_id="set_watermark",
        summary="Set a watermark",
    )
    async def move(
        self, request: AuthorisedRequest, state: State, name: SourceName, data: JSONBody[WatermarkInput]
    ) -> WatermarkView:
        """Set the time from which the next run of a source reads.

        An earlier time reads changes again; a later time skips changes. While a run of the source is running, the
        answer is 409.
        """
        known_source(state.settings.sources, name)
        await set_watermark(state.database, name, data.watermark, actor=request.auth.actor, now=now_utc())
        return WatermarkView(source=name, watermark=data.watermark)


async def _enqueued(queue: Queue, run: EtlRun, *, now: datetime) -> Response[RunRecord]:
    await enqueue_run(queue, str(run.id), fence=run.fence, now=now)
    return Response(shown_run(run), status_code=202, headers={"Location": f"/etl/runs/{run.id}"})
