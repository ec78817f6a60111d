"""The progress of the listener: the stored position and the stream beyond it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure

from docustore.changes.ahead import headroom_s_of, lag_of, look_ahead
from docustore.changes.dead_letters import LETTERS, OPEN_STATES
from docustore.changes.gaps import GAPS
from docustore.changes.lease import IS_ALIVE
from docustore.changes.partition_status import (
    PartitionStatus,
    all_owners,
    greatest_lag_s,
    least_headroom_s,
    oldest_heartbeat,
    worst_state,
)
from docustore.changes.position import (
    ALL_POSITIONS,
    OWNED_POSITIONS,
    POSITION_ID,
    POSITIONS,
    ListenerState,
    Position,
    position_of,
)
from docustore.changes.requirements import Remarks, collection_remarks
from docustore.cluster_time import last_applied
from docustore.database import Database, Document
from docustore.lost_position import is_position_lost
from docustore.transient import MAX_TIME_EXPIRED

# An operator needs an hour to notice and act before the position is lost.
LEAST_HEADROOM_S: Final = 3600.0
NOTABLE_LAG_S: Final = 60.0
_POLL_S: Final = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class LastError:
    """The failure that stopped the listener.

    It is gone after the next move of the position.
    """

    error: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStatus:
    """The status of the listener, as `GET /changes/status` answers it.

    `owner` is None while no listener holds the lease. `applied` counts the changes applied so far,
    `snapshot_rows` the rows of history that came from comparisons instead, `approximate_rows` those whose
    state was read later than the change. `lag_s` is the age, in seconds, of the oldest change that is not
    applied: 0 if there is none, None if it is unknown (nothing read yet, position lost). `gaps` counts the
    gaps on record, `unaccepted_gaps` those that no person has accepted, `dead_letters` the open ones.
    `oplog_headroom_s` is the time from the oldest entry of the oplog to the position, None if it may not be
    read. `warnings` are sentences. With several `partitions` each figure is that of the worst one, and
    `owner` names all owners.
    """

    state: ListenerState
    owner: str | None
    applied: int
    snapshot_rows: int
    lag_s: float | None
    is_caught_up: bool
    heartbeat_at: datetime | None
    gaps: int
    unaccepted_gaps: int
    dead_letters: int
    approximate_rows: int
    oplog_headroom_s: float | None
    last_error: LastError | None
    warnings: list[str]
    partitions: list[PartitionStatus]


async def change_status(database: Database) -> ChangeStatus:
    """Read the position, and the stream up to the first change beyond it."""
    alive = {"$addFields": {"is_alive": IS_ALIVE, "now": "$$NOW"}}
    cursor = await database[POSITIONS].aggregate([{"$match": ALL_POSITIONS}, alive, {"$sort": {"partition": 1}}])
    # Without a field `partition`, so the first.
    head, *others = await cursor.to_list() or [{"state": ListenerState.NEW.value, "seq": 0, "fence": 0}]
    documents = others or [head]
    remarks = await collection_remarks(database)
    parts = await asyncio.gather(*(_part(database, each, remarks) for each in documents))
    snapshot_rows = sum(each.get("snapshot_rows") or 0 for each in documents)
    approximate_rows = sum(each.get("approximate_rows") or 0 for each in documents)
    lag_s, headroom_s = greatest_lag_s(parts), least_headroom_s(parts)
    failures = [each["last_error"] for each in documents if each.get("last_error") is not None]
    return ChangeStatus(
        state=worst_state(parts),
        owner=all_owners(parts),
        applied=head["seq"] - snapshot_rows,
        snapshot_rows=snapshot_rows,
        lag_s=lag_s,
        is_caught_up=lag_s == 0,
        heartbeat_at=oldest_heartbeat(parts),
        gaps=await database[GAPS].count_documents({}),
        unaccepted_gaps=await database[GAPS].count_documents({"accepted_at": None}),
        dead_letters=await database[LETTERS].count_documents({"state": {"$in": list(OPEN_STATES)}}),
        approximate_rows=approximate_rows,
        oplog_headroom_s=headroom_s,
        last_error=_last_error(max(failures, key=lambda failure: failure["at"], default=None)),
        warnings=[
            *remarks.sentences,
            *warnings_about(approximate_rows=approximate_rows, headroom_s=headroom_s, lag_s=lag_s),
        ],
        partitions=parts,
    )


async def _part(database: Database, document: Document, remarks: Remarks) -> PartitionStatus:
    position = position_of(document)
    state, lag_s, headroom_s = position.state, None, None
    if state is ListenerState.STREAMING:
        headroom_s = await headroom_s_of(database, position.start)
    if state is ListenerState.STREAMING and not remarks.is_unusable:
        state, lag_s = await lag_of(database, position, now=document["now"])
    if position.is_paused and state is not ListenerState.LOST:
        state = ListenerState.PAUSED
    return PartitionStatus(
        partition=0 if position.partition is None else position.partition.index,
        state=state,
        owner=document.get("owner") if document.get("is_alive") else None,
        lag_s=lag_s,
        heartbeat_at=document.get("heartbeat_at"),
        oplog_headroom_s=headroom_s,
        fence=position.fence,
    )


def warnings_about(*, approximate_rows: int, headroom_s: float | None, lag_s: float | None) -> list[str]:
    """List what an operator should know. Pure.

    The oplog of a new server reaches back a short time, which matters only to a listener that is behind.
    """
    found = []
    if approximate_rows:
        found.append(f"{approximate_rows} rows of history hold a state that was read later than the change")
    if is_short_of_oplog(headroom_s=headroom_s, lag_s=lag_s):
        found.append(
            f"the oplog reaches back only {headroom_s:.0f} s before the position: enlarge it (replSetResizeOplog)"
        )
    return found


def is_short_of_oplog(*, headroom_s: float | None, lag_s: float | None) -> bool:
    """Tell whether an operator must act before the position is lost. Pure."""
    is_behind = lag_s is None or lag_s > NOTABLE_LAG_S
    return is_behind and headroom_s is not None and headroom_s < LEAST_HEADROOM_S


def _last_error(failure: Document | None) -> LastError | None:
    if failure is None:
        return None
    return LastError(error=failure["error"], message=failure["message"], at=failure["at"])


async def wait_until_applied(
    database: Database, *, operation_time: Timestamp | None = None, timeout_s: float = 120.0
) -> int:
    """Wait until every change up to an operation time is applied.

    Returns:
        The number of the last history row.

    Args:
        operation_time: The server's answer to a write; None = everything written before this call.

    Raises:
        TimeoutError: Not applied within `timeout_s`; check that a listener runs.
    """
    if operation_time is None:
        operation_time = await last_applied(database)
    deadline = time.monotonic() + timeout_s
    while True:
        positions = [position_of(each) async for each in database[POSITIONS].find(OWNED_POSITIONS)]
        if positions and await _all_cover(database, positions, operation_time):
            head = await database[POSITIONS].find_one({"_id": POSITION_ID}, {"seq": 1})
            return 0 if head is None else int(head["seq"])
        if time.monotonic() >= deadline:
            msg = f"changes were not applied within {timeout_s:g} s: is a listener running?"
            raise TimeoutError(msg)
        await asyncio.sleep(_POLL_S)


async def is_heartbeat_fresh(database: Database, *, max_age_s: float) -> bool:
    """Tell whether a listener has renewed its lease within `max_age_s`.

    The server's clock decides. A heartbeat in the future is that of a wrong clock and not fresh.
    """
    max_age_ms = int(max_age_s * 1000)
    oldest, latest = {"$subtract": ["$$NOW", max_age_ms]}, {"$add": ["$$NOW", max_age_ms]}
    is_fresh = {"$and": [{"$gte": ["$heartbeat_at", oldest]}, {"$lte": ["$heartbeat_at", latest]}]}
    return await database[POSITIONS].find_one({**OWNED_POSITIONS, "$expr": is_fresh}, {"_id": 1}) is not None


async def _all_cover(database: Database, positions: Sequence[Position], operation_time: Timestamp) -> bool:
    """Tell whether every position has applied all changes up to a time."""
    of = {None if each.partition is None else each.partition.of for each in positions}
    if of not in ({None}, {len(positions)}):
        # Read while their number changed.
        return False
    for position in positions:
        if not await _covers(database, position, operation_time):
            return False
    return True


async def _covers(database: Database, position: Position, operation_time: Timestamp) -> bool:
    if position.state is not ListenerState.STREAMING or position.cluster_time is None:
        return False
    if position.cluster_time >= operation_time:
        return True
    # An idle position is saved only every few seconds; the stream tells whether a change is missing.
    try:
        ahead = await look_ahead(database, position)
    except OperationFailure as exc:
        if is_position_lost(exc, while_opening=True) or exc.code == MAX_TIME_EXPIRED:
            return False
        raise
    if ahead.wall_time is None:
        return ahead.cluster_time >= operation_time
    return ahead.cluster_time > operation_time
