"""The position: how far the listener has applied the stream.

It is one document of `change_positions`, or one per partition (see `docustore.changes.layout`).
It moves in the transaction that writes the effects, on condition of the fence and of the sequence number that the
effects were made for. So a batch is applied once, even if it is repeated. See docs/changes.md for its invariants.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from bson import ObjectId
from bson.binary import Binary
from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from docustore.changes.floors import Floor, floors_of, stored_floors
from docustore.changes.pipeline import StartPoint
from docustore.database import Database, Document
from docustore.errors import ListenerFencedError

POSITIONS: Final = "change_positions"
POSITION_ID: Final = "users"
# The field that names the present destinations of the outbox. A command that changes them sets a new value.
DESTINATIONS_MARK: Final = "destinations"
# The document `users` and the positions of its partitions.
ALL_POSITIONS: Final[Document] = {"$or": [{"_id": POSITION_ID}, {"partition": {"$exists": True}}]}
# Those that listeners own: with partitions, `users` is none of them.
OWNED_POSITIONS: Final[Document] = {
    "$or": [{"_id": POSITION_ID, "partitions": None}, {"partition": {"$exists": True}}]
}


class ListenerState(StrEnum):
    """What the position stands for.

    `new`: nothing was read yet. `snapshotting`: a comparison of the collection with history is in progress.
    `streaming`: the stream resumes from here. `paused` and `lost` are never stored as a state: a status reports
    them where an operator paused the listener and where the stream cannot resume.
    """

    NEW = "new"
    SNAPSHOTTING = "snapshotting"
    STREAMING = "streaming"
    PAUSED = "paused"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The checkpoint of a snapshot or recovery.

    `after` is the BSON document `{_id: ...}` of the last compared user: bytes, since other clients may write ids
    that cannot be decoded. With `is_users_read` every user is compared and only deleted users are left. `rows`
    counts the rows so far. `is_first` says that history was empty. `compares` is False where history stays as it
    is (policy `reset`). `gap_id` names the gap that ends with this snapshot. `is_begun` is False until a listener
    has chosen the first cluster time.
    """

    is_begun: bool = False
    is_first: bool = False
    compares: bool = True
    gap_id: str | None = None
    rows: int = 0
    after: bytes | None = None
    is_users_read: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One of `of` parts of the users; see `docustore.users.partition`."""

    index: int
    of: int

    @property
    def position_id(self) -> str:
        """The id of its position."""
        return f"{POSITION_ID}:{self.index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The stored position.

    `seq` is the number of the last history row; for a `partition`, the rows that it has added. Every change at or
    before `cluster_time` is applied; with `is_exact` no later change is. Images that were read in place of missing
    ones are not newer than `approximate_until`. `recoveries` counts losses of the position since the last
    progress. `snapshot` is set while a snapshot or recovery is in progress. `snapshot_rows` counts the rows that a
    comparison wrote, `approximate_rows` those whose state was read later than the change; None in a store of an
    older release. `partition` is None for a position of all users. `floors` name later changes that are applied
    already; until they are passed, the position is not exact.
    """

    seq: int
    fence: int
    state: ListenerState
    start: StartPoint
    cluster_time: Timestamp | None
    is_exact: bool
    approximate_until: Timestamp | None
    recoveries: int
    snapshot: Snapshot | None = None
    snapshot_rows: int | None = None
    approximate_rows: int | None = None
    is_paused: bool = False
    partition: Partition | None = None
    floors: tuple[Floor, ...] = ()

    @property
    def id(self) -> str:
        """The id of the stored document."""
        return POSITION_ID if self.partition is None else self.partition.position_id


async def ensure_position(database: Database) -> None:
    """Create the document if it is missing; safe when two listeners do so at once."""
    fresh: dict[str, Any] = {"seq": Int64(0), "fence": 0, "state": ListenerState.NEW.value, "recoveries": 0}
    fresh |= {"snapshot_rows": 0, "approximate_rows": 0, DESTINATIONS_MARK: ObjectId()}
    try:
        await database[POSITIONS].update_one({"_id": POSITION_ID}, {"$setOnInsert": fresh}, upsert=True)
    except DuplicateKeyError:
        return


async def count_partitions(database: Database) -> int:
    """Read the number of partitions; 1 also before the first start."""
    head = await database[POSITIONS].find_one({"_id": POSITION_ID}, {"partitions": 1})
    return partitions_of(head or {})


def partitions_of(head: Mapping[str, Any]) -> int:
    """Return the number of partitions that the document `users` names."""
    return int(head.get("partitions") or 1)


async def load_position(database: Database, *, fence: int, position_id: str = POSITION_ID) -> Position:
    """Read the position.

    Raises:
        ListenerFencedError: Another listener holds it, or it was dropped with its database.
    """
    document = await database[POSITIONS].find_one({"_id": position_id, "fence": fence})
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
        snapshot=Snapshot(**document["snapshot"]) if document.get("snapshot") is not None else None,
        snapshot_rows=document.get("snapshot_rows"),
        approximate_rows=document.get("approximate_rows"),
        is_paused=document.get("paused_at") is not None,
        partition=_partition_of(document),
        floors=floors_of(document.get("floors")),
    )


def _partition_of(document: Document) -> Partition | None:
    index = document.get("partition")
    return None if index is None else Partition(index=index, of=document["partitions"])


async def move_position(
    database: Database,
    known: Position,
    moved: Position,
    *,
    lease_ms: int,
    session: AsyncClientSession | None = None,
) -> ObjectId | None:
    """Store a moved position, if the stored one is still the known one.

    Renews the lease. Returns the mark of the present destinations; None if there is none.

    Raises:
        ListenerFencedError: Another listener took over, or this batch was applied already; nothing is set.
    """
    return await _update(database, known, {**_stored(moved), **lease_renewal(lease_ms)}, session=session)


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
) -> ObjectId | None:
    query = {"_id": known.id, "fence": known.fence, "seq": known.seq}
    found = await database[POSITIONS].find_one_and_update(
        query, [{"$set": assignments}], projection={"_id": 0, DESTINATIONS_MARK: 1}, session=session
    )
    if found is None:
        raise fenced(known.fence)
    mark = found.get(DESTINATIONS_MARK)
    return mark if isinstance(mark, ObjectId) else None


def _stored(position: Position) -> dict[str, Any]:
    """Assign every field but the fence, the pause and the partition.

    Only a take-over, a command and a change of the layout set those. A field whose value is None is removed.
    """
    values = stored_fields(position)
    # A move is progress: it ends the incident.
    values["last_error"] = None
    return {name: "$$REMOVE" if value is None else {"$literal": value} for name, value in values.items()}


def stored_fields(position: Position) -> Document:
    """Return the stored fields that a move sets; None stands for an absent field."""
    return {
        "seq": Int64(position.seq),
        "state": position.state.value,
        "token": position.start.token,
        "start_at": position.start.start_at,
        "cluster_time": position.cluster_time,
        "is_exact": position.is_exact,
        "approximate_until": position.approximate_until,
        "recoveries": position.recoveries,
        "snapshot": stored_snapshot(position.snapshot),
        "snapshot_rows": position.snapshot_rows,
        "approximate_rows": position.approximate_rows,
        "floors": stored_floors(position.floors),
    }


def stored_snapshot(snapshot: Snapshot | None) -> Document | None:
    """Return the stored form of a checkpoint."""
    if snapshot is None:
        return None
    after = None if snapshot.after is None else Binary(snapshot.after)
    return {**asdict(snapshot), "after": after}
