"""The route of the gaps on record."""

from litestar import Controller, get
from litestar.datastructures import State

from docustore.api.problem_details import problems
from docustore.changes.gaps_view import GapView, list_gaps


class GapsController(Controller):
    """The gaps of the change listener."""

    path = "/changes/gaps"
    tags = ("changes",)

    @get(responses=problems(), operation_id="list_gaps", summary="List the gaps on record")
    async def list(self, state: State) -> list[GapView]:
        """List every position that was lost or moved, at most 100, latest first."""
        return await list_gaps(state.database)
