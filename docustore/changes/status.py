"""The progress of the listener: the stored position and the stream beyond it."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure

from docustore.changes.events import token_time
from docustore.changes.pipeline import CHANGE_OPERATIONS, USERS, StartPoint
from docustore.changes.position import POSITION_ID, POSITIONS, ListenerState, Position, position_of
from docustore.changes.server_errors import is_position_lost
from docustore.database import AWARE, Database
from docustore.transient import MAX_TIME_EXPIRED, UNAUTHORIZED

# The search for the next change scans the oplog from the position; after this time the lag is unknown.
PROBE_TIMEOUT_MS: Final = 2000
_POLL_S: Final = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStatus:
    """The status of the listener.

    `applied` is the number of the last history row. `lag_s` is the age of the oldest change that is not applied:
    0 if there is none, None if it is unknown (nothing read yet, position lost). `owner` is None while no listener
    holds the lease.
    """

    applied: int
    lag_s: float | None
    owner: str | None
    state: ListenerState
    heartbeat_at: datetime | None

    @property
    def is_caught_up(self) -> bool:
        """True when every change so far is applied."""
        return self.lag_s == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ahead:
    """The stream beyond a position.

    `cluster_time` and `wall_time` are those of the next change. Without a next change `wall_time` is None, and no
    change up to `cluster_time` is missing.
    """

    cluster_time: Timestamp
    wall_time: datetime | None


async def change_status(database: Database) -> ChangeStatus:
    """Read the position, and the stream up to the first change beyond it."""
    document = await database[POSITIONS].find_one({"_id": POSITION_ID})
    if document is None:
        return ChangeStatus(applied=0, lag_s=None, owner=None, state=ListenerState.NEW, heartbeat_at=None)
    now: datetime = (await database.command("hello", codec_options=AWARE))["localTime"]
    position = position_of(document)
    state, lag_s = position.state, None
    if state is ListenerState.STREAMING:
        state, lag_s = await _lag(database, position, now=now)
    is_leased = document.get("lease_expires_at", now) > now
    return ChangeStatus(
        applied=position.seq,
        lag_s=lag_s,
        owner=document.get("owner") if is_leased else None,
        state=state,
        heartbeat_at=document.get("heartbeat_at"),
    )


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
        operation_time = (await database.command("ping"))["operationTime"]
    deadline = time.monotonic() + timeout_s
    while True:
        document = await database[POSITIONS].find_one({"_id": POSITION_ID})
        if document is not None and await _covers(database, position_of(document), operation_time):
            return int(document["seq"])
        if time.monotonic() >= deadline:
            msg = f"changes were not applied within {timeout_s:g} s: is a listener running?"
            raise TimeoutError(msg)
        await asyncio.sleep(_POLL_S)


async def is_heartbeat_fresh(database: Database, *, max_age_s: float) -> bool:
    """Tell whether a listener has renewed its lease within `max_age_s`.

    The server's clock decides.
    """
    oldest = {"$subtract": ["$$NOW", int(max_age_s * 1000)]}
    query = {"_id": POSITION_ID, "$expr": {"$gte": ["$heartbeat_at", oldest]}}
    return await database[POSITIONS].find_one(query, {"_id": 1}) is not None


async def _covers(database: Database, position: Position, operation_time: Timestamp) -> bool:
    if position.state is not ListenerState.STREAMING or position.cluster_time is None:
        return False
    if position.cluster_time >= operation_time:
        return True
    # An idle position is saved only every few seconds; the stream tells whether a change is missing.
    try:
        ahead = await _look_ahead(database, position.start)
    except OperationFailure as exc:
        if is_position_lost(exc, while_opening=True) or exc.code == MAX_TIME_EXPIRED:
            return False
        raise
    if ahead.wall_time is None:
        return ahead.cluster_time >= operation_time
    return ahead.cluster_time > operation_time


async def _lag(database: Database, position: Position, *, now: datetime) -> tuple[ListenerState, float | None]:
    try:
        ahead = await _look_ahead(database, position.start)
    except OperationFailure as exc:
        if is_position_lost(exc, while_opening=True):
            return ListenerState.LOST, None
        if exc.code == MAX_TIME_EXPIRED:
            is_lost = await _is_before_oplog(database, position.start)
            return (ListenerState.LOST if is_lost else position.state), None
        raise
    if ahead.wall_time is None:
        return position.state, 0.0
    # At least a millisecond: with a waiting change the listener is not caught up.
    return position.state, max((now - ahead.wall_time).total_seconds(), 0.001)


async def _is_before_oplog(database: Database, start: StartPoint) -> bool:
    """Tell whether the oplog begins after a position.

    False without the right to read the oplog.
    """
    time = token_time(start.token) if start.token is not None else start.start_at
    try:
        oldest = await database.client["local"]["oplog.rs"].find_one({}, {"ts": 1}, sort=[("$natural", 1)])
    except OperationFailure as exc:
        if exc.code == UNAUTHORIZED:
            return False
        raise
    return time is not None and oldest is not None and bool(time < oldest["ts"])


async def _look_ahead(database: Database, start: StartPoint) -> _Ahead:
    options: dict[str, Any] = (
        {"resumeAfter": start.token} if start.token is not None else {"startAtOperationTime": start.start_at}
    )
    pipeline = [
        {"$changeStream": options},
        {"$match": {"operationType": {"$in": list(CHANGE_OPERATIONS)}}},
        {"$project": {"clusterTime": 1, "wallTime": 1}},
    ]
    async with database.client.start_session(causal_consistency=False) as session:
        reply = await database.command(
            {
                "aggregate": USERS,
                "pipeline": pipeline,
                "cursor": {"batchSize": 1},
                "maxTimeMS": PROBE_TIMEOUT_MS,
            },
            session=session,
            codec_options=AWARE,
        )
        cursor = reply["cursor"]
        if cursor["id"]:
            await database.command({"killCursors": USERS, "cursors": [cursor["id"]]}, session=session)
    if not cursor["firstBatch"]:
        return _Ahead(cluster_time=token_time(cursor["postBatchResumeToken"]), wall_time=None)
    event = cursor["firstBatch"][0]
    return _Ahead(cluster_time=event["clusterTime"], wall_time=event["wallTime"])
