"""The routes of the gaps on record."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import Controller, get, post
from litestar.datastructures import State
from litestar.params import PathParameter

from docustore.api.problem import problems
from docustore.changes.gaps_control import accept_gap
from docustore.changes.gaps_view import GapView, find_gap, list_gaps
from docustore.security.authentication import ADMIN, AuthorisedRequest

GapId = Annotated[str, PathParameter(description="the `id` of the gap")]


class GapsController(Controller):
    """The gaps of the change listener."""

    path = "/changes/gaps"
    tags = ("changes",)

    @get(responses=problems(), operation_id="list_gaps", summary="List the gaps on record")
    async def list(self, state: State) -> list[GapView]:
        """List every position that was lost or moved, at most 100, latest first."""
        return await list_gaps(state.database)

    @post(
        "/{gap_id:str}/accept",
        status_code=200,
        opt=ADMIN,
        responses=problems(404),
        operation_id="accept_gap",
        summary="Accept a gap",
    )
    async def accept(self, request: AuthorisedRequest, state: State, gap_id: GapId) -> GapView:
        """Note that a person knows what may be missing in history.

        The gap stays on record. An open gap cannot be accepted.
        """
        await accept_gap(state.database, gap_id, actor=request.auth.actor, at=datetime.now(UTC))
        return await find_gap(state.database, gap_id)
