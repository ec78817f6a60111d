"""Write the effects of a batch and the position in one transaction.

Exactly once: the transaction starts with the move of the position, conditional on the fence and on the sequence
number that the effects were made for. Whatever is repeated (by the driver, after a crash, by a second listener)
finds the position moved, and writes nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo import DeleteMany, InsertOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from docustore.analytics.marts import STATS, TOTALS_ID, UserMarts, registrations_by_document
from docustore.changes.effects import Effects, marts_increments
from docustore.changes.events import Token
from docustore.changes.position import ListenerState, Position, move_position
from docustore.database import Database
from docustore.history.models import HISTORY, HistoryRow

NO_LAG_MS: Final = 0
# A row holds at most three times what its images hold, and a command 16 MB.
ONE_COMMAND_IMAGE_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where the stream stands after a batch; see `docustore.changes.stream.EventBatch`."""

    token: Token
    cluster_time: Timestamp
    is_exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The connection a listener writes through; one session, so one transaction at a time."""

    database: Database
    session: AsyncClientSession
    lease_ms: int

    async def transaction(self, write: Callable[[AsyncClientSession], Awaitable[None]]) -> None:
        """Run the writes in one transaction, repeated by the driver while the server says it may."""
        await self.session.with_transaction(write)


async def apply_effects(
    writer: Writer, position: Position, effects: Effects, *, reached: Reached, read_at: Timestamp | None
) -> None:
    """Commit one batch.

    Args:
        position: The position the effects were made for.
        read_at: When missing images were read instead; None where none was missing.

    Raises:
        ListenerFencedError: Another listener took over; nothing was written.
        PyMongoError: Nothing is known of the outcome; load the position again before anything else.
    """
    rows = effects.rows
    assignments = _reached(reached) | {
        "seq": Int64(position.seq + len(rows)),
        "applied": {"$add": ["$applied", len(rows)]},
        "recoveries": 0,
        "lag_ms": {"$max": [NO_LAG_MS, {"$subtract": ["$$NOW", effects.newest_at]}]},
    }
    if read_at is not None:
        assignments["approximate_until"] = read_at
    seq = position.seq + len(rows)
    stats = _increment_operations(effects, stamp=_stamp(reached, seq=seq, as_of=effects.newest_at))

    async def write(session: AsyncClientSession) -> None:
        # The position first: it takes the lock that keeps a take-over out until this transaction ends.
        await move_position(writer.database, position, assignments, lease_ms=writer.lease_ms, session=session)
        await insert_rows(writer.database, rows, image_bytes=effects.image_bytes, session=session)
        await writer.database[STATS].bulk_write(stats, session=session)

    await writer.transaction(write)


async def save_idle(writer: Writer, position: Position, *, reached: Reached) -> None:
    """Move the position over changes of other collections, so that it never falls off the oplog.

    Call it only with nothing in flight: the token must not overtake a change that is not applied.

    Raises:
        ListenerFencedError: Another listener took over.
    """
    as_of = reached.cluster_time.as_datetime()

    async def write(session: AsyncClientSession) -> None:
        moved = _reached(reached) | {"recoveries": 0, "lag_ms": NO_LAG_MS}
        await move_position(writer.database, position, moved, lease_ms=writer.lease_ms, session=session)
        stamp = _stamp(reached, seq=position.seq, as_of=as_of)
        await writer.database[STATS].update_one({"_id": TOTALS_ID}, {"$set": stamp}, session=session)

    await writer.transaction(write)


async def insert_rows(
    database: Database, rows: list[HistoryRow], *, image_bytes: int, session: AsyncClientSession
) -> None:
    """Insert history rows in the transaction.

    Args:
        image_bytes: Size of the images that the rows were made of.

    Raises:
        OperationFailure: A number is taken: somebody else wrote to history.
    """
    if not rows:
        return
    if image_bytes > ONE_COMMAND_IMAGE_BYTES:
        await database[HISTORY].insert_many(rows, session=session)  # type: ignore[arg-type]
        return
    # The bare command is encoded in one go; insert_many looks at every row in Python first, which is slower by
    # a quarter. Its errors are for us to see: the driver does not look into the reply.
    reply = await database.command({"insert": HISTORY, "documents": rows}, session=session)
    for error in reply.get("writeErrors", ()):
        raise OperationFailure(error["errmsg"], error["code"], reply)


async def replace_marts(
    database: Database, marts: UserMarts, *, seq: int, cluster_time: Timestamp, session: AsyncClientSession
) -> None:
    """Replace all marts with those computed from the collection as it was at a cluster time."""
    totals: dict[str, Any] = {
        "_id": TOTALS_ID,
        "total": marts.total,
        "dated": marts.dated,
        "created_at_sum_s": Int64(marts.created_at_sum_s),
        "by_status": marts.by_status,
        "seq": Int64(seq),
        "as_of": cluster_time.as_datetime(),
        "cluster_time": cluster_time,
        "is_exact": True,
    }
    by_year = registrations_by_document(marts)
    documents = [totals, *({"_id": year, "days": days} for year, days in by_year.items())]
    inserts = (InsertOne(document) for document in documents)
    operations: list[DeleteMany | InsertOne[dict[str, Any]]] = [DeleteMany({}), *inserts]
    await database[STATS].bulk_write(operations, session=session)


def _reached(reached: Reached) -> dict[str, Any]:
    return {
        "state": ListenerState.STREAMING.value,
        "token": {"$literal": reached.token},
        "start_at": "$$REMOVE",
        "cluster_time": reached.cluster_time,
        "is_exact": reached.is_exact,
    }


def _stamp(reached: Reached, *, seq: int, as_of: datetime) -> dict[str, Any]:
    return {
        "seq": Int64(seq),
        "as_of": as_of,
        "cluster_time": reached.cluster_time,
        "is_exact": reached.is_exact,
    }


def _increment_operations(effects: Effects, *, stamp: Mapping[str, Any]) -> list[UpdateOne]:
    operations = []
    for document, increments in marts_increments(effects.marts).items():
        update: dict[str, Any] = {"$inc": increments} if increments else {}
        if document == TOTALS_ID:
            update["$set"] = stamp
        operations.append(UpdateOne({"_id": document}, update, upsert=True))
    return operations
