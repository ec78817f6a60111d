"""Rows of `user_history` that no listener wrote.

They stand beyond the number of the position. Each takes a number that the listener needs. It is moved to the dead
letters, for its owner to look at.
"""

from typing import Any, Final

import structlog
from bson.binary import Binary
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.apply import Writer
from docustore.changes.dead_letters import LETTERS, LetterState
from docustore.changes.numbers import last_number
from docustore.changes.position import Position
from docustore.history.models import HISTORY
from docustore.history.rows import IMAGE_CODEC

log = structlog.get_logger()

# Rows moved in one transaction; more are moved when the next number is taken.
MAX_ROWS: Final = 100
_RAW: Final = IMAGE_CODEC.with_options(document_class=RawBSONDocument)


async def set_aside_foreign_rows(writer: Writer, position: Position) -> int:
    """Move the rows beyond the last number; return how many there were.

    Raises:
        ListenerFencedError: Another listener took over; nothing was moved.
    """
    moved = 0

    async def move(session: AsyncClientSession) -> None:
        nonlocal moved
        query = {"_id": {"$gt": await last_number(writer.database, position, session)}}
        rows = writer.database[HISTORY].with_options(codec_options=_RAW)
        found = await rows.find(query, session=session).sort("_id", 1).limit(MAX_ROWS).to_list()
        for row in found:
            letter = _letter(row)
            await writer.database[LETTERS].replace_one(
                {"_id": letter["_id"]}, letter, upsert=True, session=session
            )
            await rows.delete_one({"_id": row["_id"]}, session=session)
        moved = len(found)

    await writer.guarded(position, move)
    if moved:
        log.error("listener.foreign_rows_set_aside", rows=moved, after=position.seq)
    return moved


def _letter(row: RawBSONDocument) -> dict[str, Any]:
    return {
        "_id": f"foreign:{row['_id']}",
        "operation": "foreign",
        "user_id": "",
        "state": LetterState.FOREIGN.value,
        "row": Binary(bytes(row.raw)),
        "error": None,
        "code": None,
        "reason": "this row of user_history was not written by the listener and used a number of a later change",
        "attempts": 0,
    }
