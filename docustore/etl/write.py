"""Write a batch plan to the users: updates, then moves, then inserts.

Safe beside other writers: updates and deletes carry the version they were computed from, and inserts meet the
unique indexes.
"""

from collections.abc import Sequence
from datetime import datetime

from pymongo.errors import BulkWriteError

from docustore.database import Database, Document
from docustore.etl.classify import BatchPlan, UserWrite
from docustore.etl.move import write_moves
from docustore.etl.operations import USERS, insertion, records_of, refused, stamp_of, update


async def write_plan(database: Database, plan: BatchPlan, *, source: str, now: datetime) -> set[int]:
    """Write a plan and return the records to reclassify.

    Args:
        source: The writer is stored as `etl:<source>`.

    Returns:
        The indexes of the records whose writes lost a race against another writer, or were refused.

    Raises:
        PyMongoError: The store failed for a reason other than single users. Part of the plan may be written, but
            no part of a move.
    """
    stamp = stamp_of(source, now)
    updates = [write for write in plan.writes if write.before is not None]
    inserts = [write for write in plan.writes if write.before is None]
    # In this order: an e-mail address must leave one user before another user gets it.
    lost = await _update(database, updates, stamp)
    lost |= await write_moves(database, plan.moves, stamp)
    lost |= await _insert(database, inserts, stamp)
    return lost


async def _update(database: Database, writes: Sequence[UserWrite], stamp: Document) -> set[int]:
    if not writes:
        return set()
    failed: list[UserWrite] = []
    matched = 0
    try:
        operations = [update(write, stamp) for write in writes]
        matched = (await database[USERS].bulk_write(operations, ordered=False)).matched_count
    except BulkWriteError as exc:
        failed = [writes[index] for index in refused(exc)]
        matched = exc.details["nMatched"]
    if matched + len(failed) < len(writes):
        # Another writer changed some of these users. The server does not say which, so all are reclassified.
        return records_of(writes)
    return records_of(failed)


async def _insert(database: Database, writes: Sequence[UserWrite], stamp: Document) -> set[int]:
    if not writes:
        return set()
    try:
        # Unordered: one duplicate key must cost one record, not the rest of the batch.
        await database[USERS].bulk_write([insertion(write, stamp) for write in writes], ordered=False)
    except BulkWriteError as exc:
        return records_of([writes[index] for index in refused(exc)])
    return set()
