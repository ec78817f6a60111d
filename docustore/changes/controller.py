"""Routes that tell how far the change listener is."""

from datetime import datetime

import msgspec
from litestar import Controller, get
from litestar.datastructures import State

from docustore.api.problem_details import problems
from docustore.changes.position import ListenerState
from docustore.changes.status import change_status


class ChangeStatusView(msgspec.Struct, frozen=True):
    """The listener from outside.

    `applied` counts the changes applied so far. `lag_s` is the age, in seconds, of the oldest change not yet
    applied: 0 where there is none, null where it cannot be told. `owner` is null while no listener runs.
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

    @get("/status", responses=problems(), summary="How far is the listener?")
    async def status(self, state: State) -> ChangeStatusView:
        """Tell whether a listener runs, how many changes it has applied, and how old the oldest waiting one is."""
        found = await change_status(state.database)
        return ChangeStatusView(
            applied=found.applied,
            lag_s=found.lag_s,
            is_caught_up=found.is_caught_up,
            owner=found.owner,
            state=found.state,
            heartbeat_at=found.heartbeat_at,
        )
