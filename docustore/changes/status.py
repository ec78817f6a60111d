"""The progress of the listener: the stored position and the stream beyond it."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure

from docustore.changes.dead_letters import LETTERS, OPEN_STATES
from docustore.changes.events import token_time
from docustore.changes.gaps import GAPS
from docustore.changes.lease import IS_ALIVE
from docustore.changes.pipeline import CHANGE_OPERATIONS, USERS, StartPoint
from docustore.changes.position import POSITION_ID, POSITIONS, ListenerState, Position, position_of
from docustore.changes.requirements import collection_remarks
from docustore.database import AWARE, Database, Document
from docustore.lost_position import is_position_lost
from docustore.transient import MAX_TIME_EXPIRED, UNAUTHORIZED

# The search for the next change scans the oplog from the position; after this time the lag is unknown.
PROBE_TIMEOUT_MS: Final = 2000
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
    """The status of the listener.

    `owner` is None while no listener holds the lease. `applied` counts the changes applied so far, `snapshot_rows`
    the rows that came from comparisons, `approximate_rows` those whose state was read later than the change.
    `lag_s` is the age of the oldest change that is not applied: 0 if there is none, None if it is unknown (nothing
    read yet, position lost). `gaps` counts the gaps on record, `dead_letters` the open ones. `oplog_headroom_s` is
    the time from the oldest entry of the oplog to the position, None if it may not be read. `warnings` are
    sentences.
    """

    state: ListenerState
    owner: str | None
    applied: int
    snapshot_rows: int
    lag_s: float | None
    is_caught_up: bool
    heartbeat_at: datetime | None
    gaps: int
    dead_letters: int
    approximate_rows: int
    oplog_headroom_s: float | None
    last_error: LastError | None
    warnings: list[str]


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
    alive = {"$addFields": {"is_alive": IS_ALIVE, "now": "$$NOW"}}
    documents = await (await database[POSITIONS].aggregate([{"$match": {"_id": POSITION_ID}}, alive])).to_list()
    document: Document = documents[0] if documents else {"state": ListenerState.NEW.value, "seq": 0, "fence": 0}
    position = position_of(document)
    state, lag_s, headroom_s = position.state, None, None
    remarks = await collection_remarks(database)
    if state is ListenerState.STREAMING:
        headroom_s = await _headroom_s(database, position.start)
    if state is ListenerState.STREAMING and not remarks.is_unusable:
        state, lag_s = await _lag(database, position, now=document["now"])
    if position.is_paused and state is not ListenerState.LOST:
        state = ListenerState.PAUSED
    failure = document.get("last_error")
    snapshot_rows, approximate_rows = position.snapshot_rows or 0, position.approximate_rows or 0
    return ChangeStatus(
        state=state,
        owner=document.get("owner") if document.get("is_alive") else None,
        applied=position.seq - snapshot_rows,
        snapshot_rows=snapshot_rows,
        lag_s=lag_s,
        is_caught_up=lag_s == 0,
        heartbeat_at=document.get("heartbeat_at"),
        gaps=await database[GAPS].count_documents({}),
        dead_letters=await database[LETTERS].count_documents({"state": {"$in": list(OPEN_STATES)}}),
        approximate_rows=approximate_rows,
        oplog_headroom_s=headroom_s,
        last_error=_last_error(failure),
        warnings=[
            *remarks.sentences,
            *warnings_about(approximate_rows=approximate_rows, headroom_s=headroom_s, lag_s=lag_s),
        ],
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


async def _headroom_s(database: Database, start: StartPoint) -> float | None:
    time_, oldest = _start_time(start), await _oldest_entry(database)
    return None if time_ is None or oldest is None else float(time_.time - oldest.time)


def _start_time(start: StartPoint) -> Timestamp | None:
    return token_time(start.token) if start.token is not None else start.start_at


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

    The server's clock decides. A heartbeat in the future is that of a wrong clock and not fresh.
    """
    max_age_ms = int(max_age_s * 1000)
    oldest, latest = {"$subtract": ["$$NOW", max_age_ms]}, {"$add": ["$$NOW", max_age_ms]}
    is_fresh = {"$and": [{"$gte": ["$heartbeat_at", oldest]}, {"$lte": ["$heartbeat_at", latest]}]}
    return await database[POSITIONS].find_one({"_id": POSITION_ID, "$expr": is_fresh}, {"_id": 1}) is not None


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
    time_, oldest = _start_time(start), await _oldest_entry(database)
    return time_ is not None and oldest is not None and bool(time_ < oldest)


async def _oldest_entry(database: Database) -> Timestamp | None:
    try:
        oldest = await database.client["local"]["oplog.rs"].find_one({}, {"ts": 1}, sort=[("$natural", 1)])
    except OperationFailure as exc:
        if exc.code == UNAUTHORIZED:
            return None
        raise
    return None if oldest is None else oldest["ts"]


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
