"""Recover from a position that the stream cannot resume from.

A gap is never silent.
The policy decides: `snapshot` compares the collection with history and continues, `reset` continues and leaves the
gap in history, `fail` stops. A gap is one document of `change_gaps`. It is opened before the recovery and closed
with its result.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from docustore.changes.apply import Writer
from docustore.changes.effects.effect import Effects
from docustore.changes.pipeline import USERS
from docustore.changes.position import Position, move_position
from docustore.changes.snapshot import Synchronised, synchronise
from docustore.config import LostPositionPolicy
from docustore.errors import RecoveryLoopError

log = structlog.get_logger()

GAPS: Final = "change_gaps"
# More recoveries without one change applied mean that the oplog is shorter than a recovery, or a defect.
MAX_RECOVERIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Why the stream ended: the server's `code`, or the operation that ended `users`."""

    reason: str
    code: int | None = None


async def recover(
    writer: Writer, position: Position, loss: Loss, *, policy: LostPositionPolicy, effects: Effects
) -> Position:
    """Record the gap, close it as the policy says, and return the new position.

    Args:
        policy: `snapshot` or `reset`.

    Raises:
        RecoveryLoopError: Three recoveries in a row made no progress.
        ListenerFencedError: Another listener took over.
    """
    if position.recoveries >= MAX_RECOVERIES:
        raise RecoveryLoopError(stream=USERS, recoveries=position.recoveries)
    gap_id = await _open_gap(writer, position, loss, policy=policy)
    log.error("listener.position_lost", reason=loss.reason, code=loss.code, policy=policy.value, gap=gap_id)
    counted = replace(position, recoveries=position.recoveries + 1)
    await move_position(writer.database, position, counted, lease_ms=writer.lease_ms)
    compare_users = policy is LostPositionPolicy.SNAPSHOT
    done = await synchronise(writer, counted, effects=effects, compare_users=compare_users)
    await _close_gap(writer, gap_id, done)
    log.warning("listener.position_recovered", gap=gap_id, rows=done.rows, policy=policy.value)
    return done.position


async def _open_gap(writer: Writer, position: Position, loss: Loss, *, policy: LostPositionPolicy) -> str:
    # Named after the position, so that an interrupted and repeated recovery stays one gap.
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
