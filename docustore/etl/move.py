"""Write moves: users that exchange identities, in one transaction.

The end of an identity is stored only in the user that has the identity. A crash or a lost race between the user
that loses it and the user that gets it would forget the end, and an ended person would be active again.
"""

from collections.abc import Sequence
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, OperationFailure

from docustore.database import Database, Document
from docustore.etl.operations import IN_USE, deletion, insertion, refused, update
from docustore.etl.plan import Move, UserWrite
from docustore.etl.refusals import ACCOUNT_IN_USE, REFUSED_BY_STORE
from docustore.etl.unwritten import Unwritten
from docustore.transient import DOCUMENT_VALIDATION_FAILURE
from docustore.users.stored import USERS

# WriteConflict: another writer holds one of the users. Only in a transaction; elsewhere the server itself waits.
WRITE_CONFLICT: Final = 112


async def write_moves(database: Database, moves: Sequence[Move], stamp: Document) -> Unwritten:
    """Write each move wholly or not at all.

    All moves of a batch are written in one transaction. If one of them fails, each is written in its own.

    Returns:
        The records whose moves lost a race against another writer, or were refused.

    Raises:
        PyMongoError: The store failed for a reason other than single users. Some moves may be written.
    """
    unwritten = Unwritten()
    if len(moves) > 1:
        writes = [write for move in moves for write in move.writes]
        if await _codes_of_failure(database, writes, stamp) is None:
            return unwritten
    for move in moves:
        codes = await _codes_of_failure(database, move.writes, stamp)
        if codes is None:
            continue
        if DOCUMENT_VALIDATION_FAILURE in codes:
            unwritten.refused |= dict.fromkeys(move.records, REFUSED_BY_STORE)
        elif await _deletes_account_in_use(database, move):
            unwritten.refused |= dict.fromkeys(move.records, ACCOUNT_IN_USE)
        else:
            unwritten.lost |= move.records
    return unwritten


async def _codes_of_failure(
    database: Database, writes: Sequence[UserWrite], stamp: Document
) -> frozenset[int] | None:
    """Write some users in one transaction.

    Returns:
        None if all are written. Otherwise nothing is written, and these are the server's codes; none if a user
        had another version.
    """
    async with database.client.start_session() as session:
        await session.start_transaction()
        try:
            is_complete = await _write_all(database, writes, stamp, session)
        except BulkWriteError as exc:
            return frozenset(refused(exc).values())
        except OperationFailure as exc:
            if exc.code != WRITE_CONFLICT:
                raise
            return frozenset({WRITE_CONFLICT})
        if is_complete:
            await session.commit_transaction()
        return None if is_complete else frozenset()


async def _deletes_account_in_use(database: Database, move: Move) -> bool:
    deleted = [write.before["_id"] for write in move.writes if write.fields is None and write.before is not None]
    if not deleted:
        return False
    in_use = {"_id": {"$in": deleted}, "$or": IN_USE}
    return await database[USERS].find_one(in_use, {"_id": 1}) is not None


async def _write_all(
    database: Database, writes: Sequence[UserWrite], stamp: Document, session: AsyncClientSession
) -> bool:
    """Tell whether every user still had the version of the plan."""
    deletions = [deletion(write) for write in writes if write.fields is None]
    changed = [write for write in writes if write.before is not None and write.fields is not None]
    updates = [update(write, stamp) for write in sorted(changed, key=_losses_first)]
    insertions = [insertion(write, stamp) for write in writes if write.before is None]
    # In this order: an identity or e-mail must leave one user before it can arrive at another.
    result = await database[USERS].bulk_write([*deletions, *updates, *insertions], session=session)
    return (result.deleted_count, result.matched_count) == (len(deletions), len(updates))


def _losses_first(write: UserWrite) -> int:
    had = (write.before or {}).get("identities") or []
    return len((write.fields or {}).get("identities") or had) - len(had)
