"""Write moves: users that exchange identities, in one transaction.

The end of an identity is stored only in the user that has the identity. A crash or a lost race between the user
that loses it and the user that gets it would forget the end, and an ended person would be active again.
"""

from collections.abc import Sequence
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, OperationFailure

from docustore.database import Database, Document
from docustore.etl.classify import Move, UserWrite
from docustore.etl.operations import USERS, deletion, insertion, refused, update

# WriteConflict: another writer holds one of the users. Only in a transaction; elsewhere the server itself waits.
WRITE_CONFLICT: Final = 112


async def write_moves(database: Database, moves: Sequence[Move], stamp: Document) -> set[int]:
    """Write each move wholly or not at all.

    All moves of a batch are written in one transaction. If one of them fails, each is written in its own.

    Returns:
        The indexes of the records whose moves lost a race against another writer, or were refused.

    Raises:
        PyMongoError: The store failed for a reason other than single users. Some moves may be written.
    """
    writes = [write for move in moves for write in move.writes]
    if not moves or await _is_written(database, writes, stamp):
        return set()
    if len(moves) == 1:
        return set(moves[0].records)
    lost: set[int] = set()
    for move in moves:
        if not await _is_written(database, move.writes, stamp):
            lost |= move.records
    return lost


async def _is_written(database: Database, writes: Sequence[UserWrite], stamp: Document) -> bool:
    """Write some users in one transaction; False if it was aborted."""
    async with database.client.start_session() as session:
        await session.start_transaction()
        try:
            is_complete = await _write_all(database, writes, stamp, session)
        except BulkWriteError as exc:
            refused(exc)
            return False
        except OperationFailure as exc:
            if exc.code != WRITE_CONFLICT:
                raise
            return False
        if is_complete:
            await session.commit_transaction()
        return is_complete


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
