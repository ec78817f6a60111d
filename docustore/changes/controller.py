"""Routes of the change listener: status, control and dead letters."""

from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.datastructures import State
from litestar.params import JSONBody, PathParameter, QueryParameter
from pydantic import Field

from docustore.api.body_types import Flag, RequestBody, RequestTime
from docustore.api.problem import problems
from docustore.changes import control
from docustore.changes.control import ResetTo
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.letters_view import DeadLetterView, find_letter, list_letters
from docustore.changes.status import ChangeStatus, change_status
from docustore.changes.verify import verify_and_repair
from docustore.security.authentication import ADMIN, AuthorisedRequest

LetterId = Annotated[str, PathParameter(description="the `id` of the dead letter")]
PartitionIndex = Annotated[
    int | None, QueryParameter(ge=0, description="only this partition, from 0; all if it is absent")
]
IncludeClosed = Annotated[bool, QueryParameter(description="also replayed, skipped and superseded letters")]
# A client waits for the answer. The command line waits longer.
VERIFY_TIMEOUT_S = 4.0


class VerificationView(msgspec.Struct, frozen=True):
    """The result of a check.

    With `repaired` a snapshot or a rebuild was started that repairs what differs.
    """

    differences: list[str]
    users: int
    is_complete: bool
    repaired: bool


class ResetInput(RequestBody):
    """Where the listener starts anew."""

    to: ResetTo = Field(description="`snapshot` compares every user with history first, `now` does not")


class SeekInput(RequestBody):
    """The time from which the listener continues."""

    to: RequestTime = Field(description="changes up to this time are skipped; at most a few minutes ago")


class VerifyInput(RequestBody):
    """How to check."""

    repair: Flag = Field(False, description="start a snapshot or a rebuild if there is a difference")


class ChangesController(Controller):
    """The change listener."""

    path = "/changes"
    tags = ("changes",)

    @get("/status", responses=problems(), operation_id="get_change_status", summary="How far is the listener?")
    async def status(self, state: State) -> ChangeStatus:
        """Report the owner, the number of applied changes and the lag."""
        return await change_status(state.database)

    @post(
        "/pause",
        status_code=200,
        opt=ADMIN,
        responses=problems(404),
        operation_id="pause_listener",
        summary="Pause the listener",
    )
    async def pause(
        self, request: AuthorisedRequest, state: State, partition: PartitionIndex = None
    ) -> ChangeStatus:
        """Let the listener rest until it is resumed.

        The oplog must reach back to the position by then.
        """
        await control.pause(state.database, actor=request.auth.actor, partition=partition)
        return await change_status(state.database)

    @post(
        "/resume",
        status_code=200,
        opt=ADMIN,
        responses=problems(404),
        operation_id="resume_listener",
        summary="Resume the listener",
    )
    async def resume(
        self, request: AuthorisedRequest, state: State, partition: PartitionIndex = None
    ) -> ChangeStatus:
        """Let the listener continue where it paused."""
        await control.resume(state.database, actor=request.auth.actor, partition=partition)
        return await change_status(state.database)

    @post(
        "/reset",
        status_code=200,
        opt=ADMIN,
        responses=problems(413, 415, 422),
        operation_id="reset_listener",
        summary="Start anew",
    )
    async def reset(self, request: AuthorisedRequest, state: State, data: JSONBody[ResetInput]) -> ChangeStatus:
        """Leave the position and start anew, with a gap on record.

        It is the way out of every stop.
        """
        await control.reset(state.database, data.to, actor=request.auth.actor)
        return await change_status(state.database)

    @post(
        "/seek",
        status_code=200,
        opt=ADMIN,
        responses=problems(413, 415, 422),
        operation_id="seek_listener",
        summary="Skip changes",
    )
    async def seek(self, request: AuthorisedRequest, state: State, data: JSONBody[SeekInput]) -> ChangeStatus:
        """Skip the changes up to a time, with a gap on record."""
        await control.seek(state.database, data.to, actor=request.auth.actor)
        return await change_status(state.database)

    @post(
        "/verify",
        status_code=200,
        opt=ADMIN,
        responses=problems(413, 415, 422),
        operation_id="verify_changes",
        summary="Check all effects",
    )
    async def verify(
        self, request: AuthorisedRequest, state: State, data: JSONBody[VerifyInput]
    ) -> VerificationView:
        """Compare history, marts, search and quality with every user.

        With `repair`, start a snapshot if history or marts differ, and rebuild what is derived from history.
        """
        found, is_repaired = await verify_and_repair(
            state.database,
            EFFECTS,
            DERIVED,
            state.settings,
            repair=data.repair,
            actor=request.auth.actor,
            timeout_s=VERIFY_TIMEOUT_S,
        )
        return VerificationView(
            differences=found.differences,
            users=found.users,
            is_complete=found.is_complete,
            repaired=is_repaired,
        )

    @get(
        "/dead-letters",
        opt=ADMIN,
        responses=problems(),
        operation_id="list_dead_letters",
        summary="List dead letters",
    )
    async def dead_letters(self, state: State, include_closed: IncludeClosed = False) -> list[DeadLetterView]:
        """List the changes that could not be applied, at most 100, oldest first."""
        return await list_letters(state.database, include_closed=include_closed)

    @get(
        "/dead-letters/{letter_id:str}",
        opt=ADMIN,
        responses=problems(404),
        operation_id="get_dead_letter",
        summary="Read a dead letter",
    )
    async def dead_letter(self, state: State, letter_id: LetterId) -> DeadLetterView:
        """Read why one change could not be applied."""
        return await find_letter(state.database, letter_id)

    @post(
        "/dead-letters/{letter_id:str}/replay",
        status_code=202,
        opt=ADMIN,
        responses=problems(404),
        operation_id="replay_dead_letter",
        summary="Replay a dead letter",
    )
    async def replay(self, request: AuthorisedRequest, state: State, letter_id: LetterId) -> DeadLetterView:
        """Let the listener apply a failed change, and the held ones after it."""
        await control.replay_letter(state.database, letter_id, actor=request.auth.actor)
        return await find_letter(state.database, letter_id)

    @post(
        "/dead-letters/{letter_id:str}/skip",
        status_code=200,
        opt=ADMIN,
        responses=problems(404),
        operation_id="skip_dead_letter",
        summary="Skip a dead letter",
    )
    async def skip(self, request: AuthorisedRequest, state: State, letter_id: LetterId) -> DeadLetterView:
        """Give a change up: history will not have it."""
        await control.skip_letter(state.database, letter_id, actor=request.auth.actor)
        return await find_letter(state.database, letter_id)
