"""Routes of the sources: state, pause, resume, release."""

from litestar import Controller, get, post
from litestar.datastructures import State
from litestar.params import JSONBody
from pydantic import Field

from docustore.api.body_types import MAX_REASON_CHARS, RequestBody
from docustore.api.problem import problems
from docustore.clock import now_utc
from docustore.etl.pause import pause_source, release_source, resume_source
from docustore.etl.route_parameters import SourceName
from docustore.etl.run_record import RunRecord, shown_run
from docustore.etl.schedule import known_source
from docustore.etl.source_status import SourceStatus, source_statuses
from docustore.security.authentication import ADMIN, AuthorisedRequest


class PauseInput(RequestBody):
    """Why the source is paused."""

    reason: str | None = Field(
        None, max_length=MAX_REASON_CHARS, description="shown with the source while it is paused"
    )


class SourcesController(Controller):
    """The configured sources."""

    path = "/etl/sources"
    tags = ("etl",)

    @get("/", responses=problems(), operation_id="list_sources", summary="List sources")
    async def sources(self, state: State) -> list[SourceStatus]:
        """List the configured sources: schedule, freshness, watermark, pause."""
        return await source_statuses(state.database, state.settings.sources, now=now_utc())

    @get("/{name:str}", responses=problems(404), operation_id="get_source", summary="Read a source")
    async def source(self, state: State, name: SourceName) -> SourceStatus:
        """Read the state of one source."""
        return await _status(state, name)

    @post(
        "/{name:str}/pause",
        status_code=200,
        opt=ADMIN,
        responses=problems(404, 413, 415, 422),
        operation_id="pause_source",
        summary="Pause a source",
    )
    async def pause(
        self, request: AuthorisedRequest, state: State, name: SourceName, data: JSONBody[PauseInput]
    ) -> SourceStatus:
        """Let no scheduled run of the source start until it is resumed.

        A run that is running goes on. Runs that people start are not affected.
        """
        known_source(state.settings.sources, name)
        await pause_source(state.database, name, reason=data.reason, actor=request.auth.actor)
        return await _status(state, name)

    @post(
        "/{name:str}/resume",
        status_code=200,
        opt=ADMIN,
        responses=problems(404),
        operation_id="resume_source",
        summary="Resume a source",
    )
    async def resume(self, request: AuthorisedRequest, state: State, name: SourceName) -> SourceStatus:
        """Let scheduled runs start again; the missed slots become one run."""
        known_source(state.settings.sources, name)
        await resume_source(state.database, name, actor=request.auth.actor)
        return await _status(state, name)

    @post(
        "/{name:str}/release",
        status_code=200,
        opt=ADMIN,
        responses=problems(404, 409),
        operation_id="release_source",
        summary="Start a waiting run",
    )
    async def release(self, request: AuthorisedRequest, state: State, name: SourceName) -> RunRecord:
        """Let the due run of the source start although it waits.

        It may wait for other sources, or for the resume of its source.
        """
        known_source(state.settings.sources, name)
        return shown_run(await release_source(state.database, name, actor=request.auth.actor))


async def _status(state: State, name: str) -> SourceStatus:
    source = known_source(state.settings.sources, name)
    [found] = await source_statuses(state.database, {name: source}, now=now_utc())
    return found
