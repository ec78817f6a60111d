"""Compact history: states that ended long ago become undos.

A row keeps its number, its changes and its cause; only `after` is replaced by `undo` (`docustore.history.undo`).
The newest row of each user always keeps its state, since only a later row ends it.

Rows are taken in the order of their numbers. Each one ends the state of the row before it of the same user, which
is compacted. A batch is one transaction that moves the stored progress, on condition of the progress that it was
read with. So a compaction may be interrupted and continued, and of two at the same time one stops.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from docustore.clock import now_utc
from docustore.database import Database, Document, in_transaction
from docustore.errors import CompactionBusyError
from docustore.history.compaction_plan import MAX_IMAGE_BYTES, Compacted, Earlier, Superseded, compacted
from docustore.history.models import HISTORY
from docustore.history.rows import IMAGE_CODEC

log: Final = structlog.get_logger()

COMPACTIONS: Final = "history_compactions"
COMPACTION_ID: Final = HISTORY
BATCH_ROWS: Final = 250
_RAW: Final = IMAGE_CODEC.with_options(document_class=RawBSONDocument)
# Larger images are not sent at all.
_FIELDS: Final[dict[str, Any]] = {
    "depth": "$undo.depth",
    "after": {
        "$cond": [
            {
                "$and": [
                    {"$eq": [{"$type": "$after"}, "object"]},
                    {"$lte": [{"$bsonSize": "$after"}, MAX_IMAGE_BYTES]},
                ]
            },
            "$after",
            "$$REMOVE",
        ]
    },
}
_IS_EARLIER: Final = {"$and": [{"$eq": ["$user_id", "$$user_id"]}, {"$lt": ["$_id", "$$number"]}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionResult:
    """What a compaction did.

    It looked at `rows` and compacted some of them; the bytes are those of their states before and after. `through`
    is the number of the last row looked at. `is_complete`: no older state is left to compact.
    """

    rows: int = 0
    compacted: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    through: int = 0
    is_complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to compact: states that ended before `older_than`, up to the row `seq`.

    With `is_dry_run` nothing is written. `is_over` ends the work after a batch.
    """

    older_than: datetime
    seq: int
    is_dry_run: bool = False
    is_over: Callable[[CompactionResult], bool] = lambda _: False


async def compact(database: Database, order: Order) -> CompactionResult:
    """Compact batch by batch until nothing is left, or `is_over`.

    Raises:
        CompactionBusyError: Another process compacts at the same time; its batches count.
    """
    if not order.is_dry_run:
        await _ensure_progress(database)
    done = CompactionResult(through=await compacted_through(database))
    # A dry run does not see its own results in the store.
    depths: dict[int, int] = {}
    while not done.is_complete and not order.is_over(done):
        rows, through = await _read(database, order, after=done.through)
        depths = depths if order.is_dry_run else {}
        found = list(compacted(rows, depths))
        if through > done.through and not order.is_dry_run:
            await _write(database, found, known=done.through, through=through)
        done = CompactionResult(
            rows=done.rows + len(rows),
            compacted=done.compacted + len(found),
            bytes_before=done.bytes_before + sum(each.bytes_before for each in found),
            bytes_after=done.bytes_after + sum(each.bytes_after for each in found),
            through=through,
            is_complete=through < done.through + BATCH_ROWS,
        )
    return done


async def compacted_through(database: Database) -> int:
    """Return the number of the last row whose end of a state was looked at."""
    stored = await database[COMPACTIONS].find_one({"_id": COMPACTION_ID}, {"through": 1})
    return 0 if stored is None else int(stored["through"])


async def _ensure_progress(database: Database) -> None:
    fresh = {"through": 0, "compacted": 0, "bytes_before": 0, "bytes_after": 0}
    try:
        await database[COMPACTIONS].update_one({"_id": COMPACTION_ID}, {"$setOnInsert": fresh}, upsert=True)
    except DuplicateKeyError:
        return


async def _read(database: Database, order: Order, *, after: int) -> tuple[list[Superseded], int]:
    """Read the next rows, each with the two rows before it.

    Returns:
        The rows, and the last number looked at.
    """
    through = max(min(order.seq, after + BATCH_ROWS), after)
    pipeline: list[dict[str, Any]] = [
        {"$match": {"_id": {"$gt": after, "$lte": through}}},
        {"$sort": {"_id": 1}},
        {"$project": {**_FIELDS, "user_id": 1, "valid_from": 1}},
        {
            "$lookup": {
                "from": HISTORY,
                "let": {"user_id": "$user_id", "number": "$_id"},
                "pipeline": [
                    {"$match": {"$expr": _IS_EARLIER}},
                    {"$sort": {"_id": -1}},
                    {"$limit": 2},
                    {"$project": _FIELDS},
                ],
                "as": "earlier",
            }
        },
    ]
    rows = database[HISTORY].with_options(codec_options=_RAW)
    found = await (await rows.aggregate(pipeline)).to_list()
    limit = order.older_than.replace(tzinfo=None)
    # The first row that is too young ends the work: rows are almost in the order of time.
    old = next((index for index, row in enumerate(found) if row["valid_from"] >= limit), len(found))
    if old < len(found):
        through = int(found[old - 1]["_id"]) if old else after
    return [_superseded(row) for row in found[:old]], through


def _superseded(row: RawBSONDocument) -> Superseded:
    last, before_last = (*map(_earlier, row["earlier"]), None, None)[:2]
    return Superseded(number=int(row["_id"]), after=row.get("after"), last=last, before_last=before_last)


def _earlier(row: RawBSONDocument) -> Earlier:
    return Earlier(number=int(row["_id"]), after=row.get("after"), depth=row.get("depth"))


async def _write(database: Database, found: list[Compacted], *, known: int, through: int) -> None:
    """Replace the states of a batch and move the progress, or nothing."""
    refused: set[int] = set()
    while True:
        kept = [each for each in found if each.number not in refused]
        try:
            await in_transaction(
                database,
                lambda session: _write_batch(database, kept, session, known=known, through=through),  # noqa: B023
            )
        except BulkWriteError as exc:
            # The server refuses this undo, for example for a name that another client gave a field.
            failure = exc.details["writeErrors"][0] if exc.details["writeErrors"] else None
            if failure is None:
                raise
            number = kept[failure["index"]].number
            log.warning("history.row_not_compacted", number=number, code=failure["code"])
            refused.add(number)
        else:
            return


async def _write_batch(
    database: Database, found: list[Compacted], session: AsyncClientSession, *, known: int, through: int
) -> None:
    await _move_progress(database, found, session, known=known, through=through)
    updates = [
        UpdateOne(
            {"_id": each.number, "undo": {"$exists": False}}, {"$set": {"undo": each.undo}, "$unset": {"after": 1}}
        )
        for each in found
    ]
    if updates:
        await database[HISTORY].bulk_write(updates, session=session)


async def _move_progress(
    database: Database, found: list[Compacted], session: AsyncClientSession, *, known: int, through: int
) -> None:
    added = {
        "compacted": len(found),
        "bytes_before": sum(each.bytes_before for each in found),
        "bytes_after": sum(each.bytes_after for each in found),
    }
    document: Document = {"$set": {"through": through, "at": now_utc()}, "$inc": added}
    known_progress = {"_id": COMPACTION_ID, "through": known}
    moved = await database[COMPACTIONS].update_one(known_progress, document, session=session)
    if moved.matched_count == 0:
        raise CompactionBusyError
