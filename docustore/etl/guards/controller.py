"""Routes of what keeps a run from doing harm."""

from typing import Annotated

from litestar import Controller, Response, post
from litestar.datastructures import ResponseHeader, State
from litestar.params import PathParameter

from docustore.api.problem_details import problems
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.etl.guards.approval import approve_run
from docustore.etl.ledger import get_run
from docustore.etl.models import RunTrigger
from docustore.etl.run_record import RunRecord, shown_run
from docustore.etl.schedule import known_source
from docustore.queue import Queue, enqueue_run
from docustore.security.authentication import AuthorisedRequest, needs
from docustore.security.models import Scope

RunId = Annotated[str, PathParameter(description="the `id` of the run")]
ADMIN = needs(Scope.ADMIN)
LOCATION = ResponseHeader(name="Location", description="the run's path", documentation_only=True)


class EtlGuardsController(Controller):
    """Approval of held runs."""

    path = "/etl"
    tags = ("etl",)

    @post(
        "/runs/{run_id:str}/approve",
        status_code=202,
        opt=ADMIN,
        responses=problems(404, 409),
        response_headers=[LOCATION],
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
        await enqueue_run(queue, str(run.id), fence=run.fence, now=now)
        return Response(shown_run(run), status_code=202, headers={"Location": f"/etl/runs/{run.id}"})
