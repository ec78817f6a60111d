"""What happens when the stream cannot go on from its position: never a silent gap.

The policy decides: `snapshot` compares the collection with history and goes on, `reset` goes on and leaves the
gap in history, `fail` stops. A gap is one document of `change_gaps`, opened before anything is done about it and
closed with what was done.
"""

from dataclasses import dataclass
from typing import Any, Final

import structlog

from docustore.changes.apply import Writer
from docustore.changes.pipeline import USERS
from docustore.changes.position import Position, move_position
from docustore.changes.snapshot import Synchronised, synchronise
from docustore.config import LostPositionPolicy
from docustore.errors import RecoveryLoopError

log = structlog.get_logger()

GAPS: Final = "change_gaps"
# More of them without one change applied: the oplog is shorter than a recovery, or something is broken.
MAX_RECOVERIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Why the stream ended: the server's `code`, or the operation that ended the collection."""

    reason: str
    code: int | None = None


async def recover(writer: Writer, position: Position, loss: Loss, *, policy: LostPositionPolicy) -> Position:
    """Record the gap, close it as the policy (`snapshot` or `reset`) says, and return where to go on.

    Raises:
        RecoveryLoopError: The third recovery in a row made no progress either.
        ListenerFencedError: Another listener took over.
    """
    if position.recoveries >= MAX_RECOVERIES:
        raise RecoveryLoopError(stream=USERS, recoveries=position.recoveries)
    gap_id = await _open_gap(writer, position, loss, policy=policy)
    log.error("listener.position_lost", reason=loss.reason, code=loss.code, policy=policy.value, gap=gap_id)
    counted = {"recoveries": position.recoveries + 1}
    await move_position(writer.database, position, counted, lease_ms=writer.lease_ms)
    done = await synchronise(writer, position, compare_users=policy is LostPositionPolicy.SNAPSHOT)
    await _close_gap(writer, gap_id, done)
    log.warning("listener.position_recovered", gap=gap_id, rows=done.rows, policy=policy.value)
    return done.position


async def _open_gap(writer: Writer, position: Position, loss: Loss, *, policy: LostPositionPolicy) -> str:
    # Named after the position, so that a recovery that dies and starts again stays one gap.
    token = (position.start.token or {}).get("_data")
    gap_id = f"{USERS}:{position.seq}:{token or position.start.start_at}"
    opened: dict[str, Any] = {
        "stream": USERS,
        "reason": loss.reason,
        "code": loss.code,
        "policy": policy.value,
        "seq": position.seq,
        "lost_after": position.cluster_time,
        "detected_at": "$$NOW",
    }
    keep_first = {name: {"$ifNull": [f"${name}", value]} for name, value in opened.items()}
    await writer.database[GAPS].update_one({"_id": gap_id}, [{"$set": keep_first}], upsert=True)
    return gap_id


async def _close_gap(writer: Writer, gap_id: str, done: Synchronised) -> None:
    closed = {"closed_at": "$$NOW", "rows": done.rows, "resumed_at": done.cluster_time}
    await writer.database[GAPS].update_one({"_id": gap_id}, [{"$set": closed}])
