"""How far the listener has got: one document of `change_positions`, moved only by whoever holds its fence.

The position moves in the transaction that writes the effects, on condition of the fence and of the sequence
number that the effects were computed from. So a batch is applied once, whoever repeats it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from docustore.changes.pipeline import StartPoint
from docustore.database import Database, Document
from docustore.errors import ListenerFencedError

POSITIONS: Final = "change_positions"
POSITION_ID: Final = "users"


class ListenerState(StrEnum):
    """What the position stands for.

    `new`: nothing was ever read. `snapshotting`: rows beyond `seq` belong to a comparison of the collection
    with history that is under way. `streaming`: the stream goes on from here. `lost` is never stored: it is
    what a status says where the stream cannot go on.
    """

    NEW = "new"
    SNAPSHOTTING = "snapshotting"
    STREAMING = "streaming"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The stored position.

    `seq` is the number of the last history row. Every change at or before `cluster_time` is applied, and none
    after it where `is_exact`. `approximate_until`: images read instead of missing ones are not older than this.
    `recoveries` counts recoveries since the last progress.
    """

    seq: int
    fence: int
    state: ListenerState
    start: StartPoint
    cluster_time: Timestamp | None
    is_exact: bool
    approximate_until: Timestamp | None
    recoveries: int


async def ensure_position(database: Database) -> None:
    """Create the document where there is none; safe when two do it at once."""
    fresh = {"seq": Int64(0), "fence": 0, "applied": Int64(0), "state": ListenerState.NEW.value, "recoveries": 0}
    try:
        await database[POSITIONS].update_one({"_id": POSITION_ID}, {"$setOnInsert": fresh}, upsert=True)
    except DuplicateKeyError:
        return


async def load_position(database: Database, *, fence: int) -> Position:
    """Read the position.

    Raises:
        ListenerFencedError: Another listener holds it, or it is gone with its database.
    """
    document = await database[POSITIONS].find_one({"_id": POSITION_ID, "fence": fence})
    if document is None:
        raise fenced(fence)
    return position_of(document)


def position_of(document: Document) -> Position:
    """Parse the stored document."""
    return Position(
        seq=document["seq"],
        fence=document["fence"],
        state=ListenerState(document["state"]),
        start=StartPoint(token=document.get("token"), start_at=document.get("start_at")),
        cluster_time=document.get("cluster_time"),
        is_exact=document.get("is_exact", False),
        approximate_until=document.get("approximate_until"),
        recoveries=document.get("recoveries", 0),
    )


async def move_position(
    database: Database,
    position: Position,
    assignments: Mapping[str, Any],
    *,
    lease_ms: int,
    session: AsyncClientSession | None = None,
) -> None:
    """Set fields of the position and renew the lease, if it is still the one that is known.

    Args:
        assignments: Aggregation expressions by field; wrap values that hold `$` in `$literal`.

    Raises:
        ListenerFencedError: Another listener took over, or this batch was applied already; nothing is set.
    """
    known = {"_id": POSITION_ID, "fence": position.fence, "seq": position.seq}
    result = await database[POSITIONS].update_one(
        known, [{"$set": {**assignments, **lease_renewal(lease_ms)}}], session=session
    )
    if result.matched_count == 0:
        raise fenced(position.fence)


def lease_renewal(lease_ms: int) -> dict[str, Any]:
    """Assign the lease's times by the server's clock: those of several machines never agree."""
    return {"heartbeat_at": "$$NOW", "lease_expires_at": {"$add": ["$$NOW", lease_ms]}}


def fenced(fence: int) -> ListenerFencedError:
    """Make the error of a listener that holds an old fence."""
    return ListenerFencedError(f"another listener took over from fence {fence}; this one applied nothing more")
