"""The route that reports the progress of the change listener."""

from datetime import datetime

import msgspec
from litestar import Controller, get
from litestar.datastructures import State

from docustore.api.problem_details import problems
from docustore.changes.position import ListenerState
from docustore.changes.status import change_status


class ChangeStatusView(msgspec.Struct, frozen=True):
    """The status of the listener.

    `applied` counts the changes applied so far. `lag_s` is the age, in seconds, of the oldest change that is not
    applied yet: 0 if there is none, null if it is unknown. `owner` is null while no listener runs.
    """

    applied: int
    lag_s: float | None
    is_caught_up: bool
    owner: str | None
    state: ListenerState
    heartbeat_at: datetime | None


class ChangesController(Controller):
    """The change listener."""

    path = "/changes"
    tags = ("changes",)

    @get("/status", responses=problems(), operation_id="get_change_status", summary="How far is the listener?")
    async def status(self, state: State) -> ChangeStatusView:
        """Report the owner, the number of applied changes and the lag."""
        found = await change_status(state.database)
        return ChangeStatusView(
            applied=found.applied,
            lag_s=found.lag_s,
            is_caught_up=found.is_caught_up,
            owner=found.owner,
            state=found.state,
            heartbeat_at=found.heartbeat_at,
        )
