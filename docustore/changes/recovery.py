"""Leave a position that the stream cannot resume from.

A gap is never silent. The policy decides: `snapshot` compares the collection with history and continues, `reset`
continues and leaves the gap in history, `fail` stops. In each case the gap is recorded first.
"""

from dataclasses import dataclass, replace
from typing import Final

import structlog
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.apply import Writer
from docustore.changes.gaps import gap_id_of, open_gap
from docustore.changes.position import ListenerState, Position, Snapshot, hold_position, move_position
from docustore.config import LostPositionPolicy
from docustore.errors import PositionLostError, RecoveryLoopError
from docustore.users.stored import USERS

log = structlog.get_logger()

# More losses without one change applied mean that the oplog is shorter than a recovery, or a defect.
MAX_RECOVERIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Why the stream ended: the server's `code`, or the operation that ended `users`."""

    reason: str
    code: int | None = None


async def recover(writer: Writer, position: Position, loss: Loss, *, policy: LostPositionPolicy) -> Position:
    """Record the gap and return the position of a recovery that has not begun.

    The end of a collection is read from the stream, so it is progress. An interrupted recovery continues and is
    not counted again.

    Raises:
        PositionLostError: The policy is `fail`.
        RecoveryLoopError: The position was lost three times in a row without progress.
        ListenerFencedError: Another listener took over.
    """
    is_counted = loss.code is not None
    if is_counted and position.recoveries >= MAX_RECOVERIES:
        raise RecoveryLoopError(stream=USERS, recoveries=position.recoveries)
    gap_id = gap_id_of(position)
    moved = replace(
        position,
        state=ListenerState.SNAPSHOTTING,
        recoveries=position.recoveries + 1 if is_counted else 0,
        snapshot=Snapshot(gap_id=gap_id, compares=policy is LostPositionPolicy.SNAPSHOT),
    )

    async def write(session: AsyncClientSession) -> None:
        if policy is LostPositionPolicy.FAIL:
            await hold_position(writer.database, position, lease_ms=writer.lease_ms, session=session)
        else:
            await move_position(writer.database, position, moved, lease_ms=writer.lease_ms, session=session)
        await open_gap(
            writer.database,
            position,
            gap_id=gap_id,
            reason=loss.reason,
            code=loss.code,
            policy=policy.value,
            session=session,
        )

    await writer.transaction(write)
    log.error("listener.position_lost", reason=loss.reason, code=loss.code, policy=policy.value, gap=gap_id)
    if policy is LostPositionPolicy.FAIL:
        raise PositionLostError(stream=USERS, code=loss.code, reason=loss.reason)
    return moved
