"""Routes of what a person decides about one run: cancel and reject."""

from litestar import Controller, post
from litestar.datastructures import State
from litestar.params import JSONBody

from docustore.api.body_types import Reason, RequestBody
from docustore.api.problem import problems
from docustore.clock import now_utc
from docustore.etl.cancel import cancel_run
from docustore.etl.guards.rejection import reject_run
from docustore.etl.route_parameters import RunId
from docustore.etl.run_record import RunRecord, shown_run
from docustore.security.authentication import ADMIN, AuthorisedRequest


class RejectInput(RequestBody):
    """Why the change of a held run is not wanted."""

    reason: Reason


class RunDecisionsController(Controller):
    """Decisions about single runs."""

    path = "/etl/runs"
    tags = ("etl",)

    @post(
        "/{run_id:str}/cancel",
        status_code=200,
        responses=problems(404, 409),
        operation_id="cancel_run",
        summary="Cancel a run",
    )
    async def cancel(self, request: AuthorisedRequest, state: State, run_id: RunId) -> RunRecord:
        """Cancel a run that is due or running; the records that it loaded stay.

        The answer is 409 if the run is already finished.
        """
        return shown_run(await cancel_run(state.database, run_id, actor=request.auth.actor))

    @post(
        "/{run_id:str}/reject",
        status_code=200,
        opt=ADMIN,
        responses=problems(404, 409, 413, 415, 422),
        operation_id="reject_run",
        summary="Reject a held run",
    )
    async def reject(
        self, request: AuthorisedRequest, state: State, run_id: RunId, data: JSONBody[RejectInput]
    ) -> RunRecord:
        """Decide that the change of a held run is not wanted.

        It cannot be approved any more. The watermark does not move, so the next run of the source reads the same
        records again. The answer is 409 if the run does not wait.
        """
        run = await reject_run(state.database, run_id, reason=data.reason, actor=request.auth.actor, now=now_utc())
        return shown_run(run)
