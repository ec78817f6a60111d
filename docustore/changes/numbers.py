"""The numbers of history rows while the listener has partitions.

The document `users` of `change_positions` then holds the number of the last row and how far each partition is. A
batch takes its numbers inside its transaction, as late as possible. The document is locked until the transaction
ends. So numbers are dense, and rows become visible in the order of their numbers.
"""

from datetime import datetime
from typing import Any

from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.effects.effect import Reach, Stamp
from docustore.changes.position import POSITION_ID, POSITIONS, Partition, Position, fenced
from docustore.database import Database, Document


async def take_numbers(
    database: Database,
    moved: Position,
    partition: Partition,
    *,
    rows: int,
    changed_at: Timestamp | None,
    as_of: datetime,
    session: AsyncClientSession,
) -> Stamp:
    """Take the numbers of a batch, and note how far its partition is.

    Args:
        moved: The position after the batch.
        rows: The number of its changes.
        changed_at: The cluster time of its last change; None without changes.
        as_of: The state of the partition after it.

    Raises:
        ListenerFencedError: The layout has changed.
    """
    head = await database[POSITIONS].find_one_and_update(
        {"_id": POSITION_ID, "partitions": partition.of},
        _reaching(moved, partition, rows=rows, changed_at=changed_at, as_of=as_of),
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    if head is None:
        raise fenced(moved.fence)
    return stamp_of(head)


async def last_number(database: Database, position: Position, session: AsyncClientSession) -> int:
    """Return the number of the last row, as the transaction sees it."""
    if position.partition is None:
        return position.seq
    head = await database[POSITIONS].find_one(
        {"_id": POSITION_ID, "partitions": position.partition.of}, {"seq": 1}, session=session
    )
    if head is None:
        raise fenced(position.fence)
    return int(head["seq"])


def stamp_of(head: Document) -> Stamp:
    """Return the state that all partitions together have reached."""
    return Stamp(
        seq=head["seq"],
        as_of=head["as_of"],
        cluster_time=head["cluster_time"],
        is_exact=head["is_exact"],
        partitions=reaches_of(head),
    )


def reaches_of(head: Document) -> tuple[Reach, ...]:
    """Return how far each partition is, in their order."""
    reached = (head["reached"][reach_name(index)] for index in range(head["partitions"]))
    return tuple(
        Reach(cluster_time=each["cluster_time"], is_exact=each["changed_at"] <= each["cluster_time"])
        for each in reached
    )


def reach_name(index: int) -> str:
    """Name a partition in the field `reached`.

    Not a number: that would be a place in an array.
    """
    return f"p{index}"


def together(partitions: int) -> list[dict[str, Any]]:
    """Return the stages that derive the state of all partitions from `reached`.

    A partition is right for every time between its last change and its cluster time. Together they are exact where
    these ranges have a time in common.
    """
    paths = [f"$reached.{reach_name(index)}" for index in range(partitions)]
    least = {name: {"$min": [f"{path}.{name}" for path in paths]} for name in ("cluster_time", "as_of")}
    changed_at = {"$max": [f"{path}.changed_at" for path in paths]}
    return [
        {"$set": {**least, "changed_at": changed_at}},
        {"$set": {"is_exact": {"$lte": ["$changed_at", "$cluster_time"]}}},
    ]


def _reaching(
    moved: Position, partition: Partition, *, rows: int, changed_at: Timestamp | None, as_of: datetime
) -> list[dict[str, Any]]:
    path = f"reached.{reach_name(partition.index)}"
    reach: dict[str, Any] = {f"{path}.cluster_time": moved.cluster_time, f"{path}.as_of": as_of}
    if changed_at is not None:
        reach[f"{path}.changed_at"] = {"$max": [f"${path}.changed_at", changed_at]}
    return [{"$set": {"seq": {"$add": ["$seq", Int64(rows)]}, **reach}}, *together(partition.of)]
