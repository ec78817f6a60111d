"""Write a batch plan to the users: updates, then moves, then inserts.

Safe beside other writers: updates and deletes carry the version they were computed from, and inserts meet the
unique indexes.
"""

from collections.abc import Sequence

from pymongo.errors import BulkWriteError

from docustore.database import Database, Document
from docustore.errors import FieldError
from docustore.etl.move import write_moves
from docustore.etl.operations import insertion, records_of, refused, update
from docustore.etl.plan import BatchPlan, UserWrite
from docustore.etl.refusals import REFUSED_BY_STORE
from docustore.etl.unwritten import Unwritten
from docustore.transient import DOCUMENT_VALIDATION_FAILURE
from docustore.users.stored import USERS


async def write_plan(database: Database, plan: BatchPlan, *, stamp: Document) -> Unwritten:
    """Write a plan and return the records that may not be written.

    Args:
        stamp: The fields that every written user gets; see `stamp_of`.

    Raises:
        PyMongoError: The store failed for a reason other than single users. Part of the plan may be written, but
            no part of a move.
    """
    updates = [write for write in plan.writes if write.before is not None]
    inserts = [write for write in plan.writes if write.before is None]
    # In this order: an e-mail address must leave one user before another user gets it.
    unwritten = await _update(database, updates, stamp)
    unwritten.add(await write_moves(database, plan.moves, stamp))
    unwritten.add(await _insert(database, inserts, stamp))
    return unwritten


async def _update(database: Database, writes: Sequence[UserWrite], stamp: Document) -> Unwritten:
    if not writes:
        return Unwritten()
    failed: dict[int, int] = {}
    matched = 0
    try:
        operations = [update(write, stamp) for write in writes]
        matched = (await database[USERS].bulk_write(operations, ordered=False)).matched_count
    except BulkWriteError as exc:
        failed = refused(exc)
        matched = exc.details["nMatched"]
    unwritten = _failed(writes, failed)
    if matched + len(failed) < len(writes):
        # Another writer changed some of these users. The server does not say which, so all are reclassified.
        unwritten.unsure = records_of(writes) - unwritten.lost - unwritten.refused.keys()
    return unwritten


async def _insert(database: Database, writes: Sequence[UserWrite], stamp: Document) -> Unwritten:
    if not writes:
        return Unwritten()
    try:
        # Unordered: one duplicate key must cost one record, not the rest of the batch.
        await database[USERS].bulk_write([insertion(write, stamp) for write in writes], ordered=False)
    except BulkWriteError as exc:
        return _failed(writes, refused(exc))
    return Unwritten()


def _failed(writes: Sequence[UserWrite], codes: dict[int, int]) -> Unwritten:
    invalid = [writes[index] for index, code in codes.items() if code == DOCUMENT_VALIDATION_FAILURE]
    raced = [writes[index] for index, code in codes.items() if code != DOCUMENT_VALIDATION_FAILURE]
    refusals: dict[int, FieldError] = dict.fromkeys(records_of(invalid), REFUSED_BY_STORE)
    return Unwritten(lost=records_of(raced), refused=refusals)
