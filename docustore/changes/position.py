"""The position: how far the listener has applied the stream.

It is one document of `change_positions`.
It moves in the transaction that writes the effects, on condition of the fence and of the sequence number that the
effects were made for. So a batch is applied once, even if it is repeated. See docs/changes.md for its invariants.
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

    `new`: nothing was read yet. `snapshotting`: a comparison of the collection with history is in progress; rows
    beyond `seq` belong to it. `streaming`: the stream resumes from here. `lost` is never stored: a status reports
    it where the stream cannot resume.
    """

    NEW = "new"
    SNAPSHOTTING = "snapshotting"
    STREAMING = "streaming"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The stored position.

    `seq` is the number of the last history row. Every change at or before `cluster_time` is applied; with
    `is_exact` no later change is. Images that were read in place of missing ones are not newer than
    `approximate_until`. `recoveries` counts recoveries since the last progress.
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
    """Create the document if it is missing; safe when two listeners do so at once."""
    fresh = {"seq": Int64(0), "fence": 0, "state": ListenerState.NEW.value, "recoveries": 0}
    try:
        await database[POSITIONS].update_one({"_id": POSITION_ID}, {"$setOnInsert": fresh}, upsert=True)
    except DuplicateKeyError:
        return


async def load_position(database: Database, *, fence: int) -> Position:
    """Read the position.

    Raises:
        ListenerFencedError: Another listener holds it, or it was dropped with its database.
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
    known: Position,
    moved: Position,
    *,
    lease_ms: int,
    session: AsyncClientSession | None = None,
) -> None:
    """Store a moved position, if the stored one is still the known one.

    Renews the lease.

    Raises:
        ListenerFencedError: Another listener took over, or this batch was applied already; nothing is set.
    """
    await _update(database, known, {**_stored(moved), **lease_renewal(lease_ms)}, session=session)


async def hold_position(
    database: Database, known: Position, *, lease_ms: int, session: AsyncClientSession
) -> None:
    """Renew the lease without a move; locks the position until the transaction ends.

    Raises:
        ListenerFencedError: See `move_position`.
    """
    await _update(database, known, lease_renewal(lease_ms), session=session)


def lease_renewal(lease_ms: int) -> dict[str, Any]:
    """Assign the times of the lease by the server's clock.

    The clocks of several machines never agree.
    """
    return {"heartbeat_at": "$$NOW", "lease_expires_at": {"$add": ["$$NOW", lease_ms]}}


def fenced(fence: int) -> ListenerFencedError:
    """Make the error of a listener that holds an old fence."""
    return ListenerFencedError(f"another listener took over from fence {fence}; this one applied nothing more")


async def _update(
    database: Database, known: Position, assignments: Mapping[str, Any], *, session: AsyncClientSession | None
) -> None:
    query = {"_id": POSITION_ID, "fence": known.fence, "seq": known.seq}
    result = await database[POSITIONS].update_one(query, [{"$set": assignments}], session=session)
    if result.matched_count == 0:
        raise fenced(known.fence)


def _stored(position: Position) -> dict[str, Any]:
    """Assign every field but the fence, which only a take-over sets.

    A field whose value is None is removed.
    """
    values = {
        "seq": Int64(position.seq),
        "state": position.state.value,
        "token": position.start.token,
        "start_at": position.start.start_at,
        "cluster_time": position.cluster_time,
        "is_exact": position.is_exact,
        "approximate_until": position.approximate_until,
        "recoveries": position.recoveries,
    }
    return {name: "$$REMOVE" if value is None else {"$literal": value} for name, value in values.items()}
