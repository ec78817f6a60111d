"""The stream beyond a position: the next change, and the room behind it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure

from docustore.changes.events import token_time
from docustore.changes.pipeline import CHANGE_OPERATIONS, StartPoint, wanted
from docustore.changes.position import ListenerState, Position
from docustore.changes.selection import selected
from docustore.database import AWARE, Database
from docustore.lost_position import is_position_lost
from docustore.transient import MAX_TIME_EXPIRED, UNAUTHORIZED
from docustore.users.stored import USERS

# The search for the next change scans the oplog from the position; after this time the lag is unknown.
PROBE_TIMEOUT_MS: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """The stream beyond a position.

    `cluster_time` and `wall_time` are those of the next change. Without a next change `wall_time` is None, and no
    change up to `cluster_time` is missing.
    """

    cluster_time: Timestamp
    wall_time: datetime | None


async def lag_of(database: Database, position: Position, *, now: datetime) -> tuple[ListenerState, float | None]:
    """Return the state of a streaming position, and the age of the next change.

    The age is in seconds: 0 without a next change, None where it is unknown.
    """
    try:
        ahead = await look_ahead(database, position)
    except OperationFailure as exc:
        if is_position_lost(exc, while_opening=True):
            return ListenerState.LOST, None
        if exc.code == MAX_TIME_EXPIRED:
            is_lost = await is_before_oplog(database, position.start)
            return (ListenerState.LOST if is_lost else position.state), None
        raise
    if ahead.wall_time is None:
        return position.state, 0.0
    # At least a millisecond: with a waiting change the listener is not caught up.
    return position.state, max((now - ahead.wall_time).total_seconds(), 0.001)


async def is_before_oplog(database: Database, start: StartPoint) -> bool:
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


async def look_ahead(database: Database, position: Position) -> Ahead:
    """Find the next change of a position.

    Raises:
        OperationFailure: The position is lost, or the search took too long.
    """
    start = position.start
    options: dict[str, Any] = (
        {"resumeAfter": start.token} if start.token is not None else {"startAtOperationTime": start.start_at}
    )
    pipeline = [
        {"$changeStream": options},
        {"$match": {"operationType": {"$in": list(CHANGE_OPERATIONS)}, **wanted(selected(position))}},
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
        return Ahead(cluster_time=token_time(cursor["postBatchResumeToken"]), wall_time=None)
    event = cursor["firstBatch"][0]
    return Ahead(cluster_time=event["clusterTime"], wall_time=event["wallTime"])


async def headroom_s_of(database: Database, start: StartPoint) -> float | None:
    """Return the seconds from the oldest entry of the oplog to a position.

    None if they are unknown.
    """
    time_, oldest = _start_time(start), await _oldest_entry(database)
    return None if time_ is None or oldest is None else float(time_.time - oldest.time)


def _start_time(start: StartPoint) -> Timestamp | None:
    return token_time(start.token) if start.token is not None else start.start_at
