"""Changes that could not be applied: shown, replayed or skipped by a person.

A letter keeps the state after the change as bytes. The state before comes from history when it is replayed.
"""

from collections.abc import Hashable, Mapping
from enum import StrEnum
from typing import Any, Final

import bson
from bson.binary import Binary
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from docustore.changes.effects.effect import Write
from docustore.changes.events import NO_TOKEN, Change, decoded, user_key
from docustore.database import Database, Document
from docustore.history.models import Operation
from docustore.history.rows import IMAGE_CODEC
from docustore.transient import server_codes

LETTERS: Final = "change_dead_letters"
# Room for the other fields of a letter below the server's limit of 16 MB.
MAX_KEPT_BYTES: Final = 15 * 1024 * 1024
MAX_TEXT_CHARS: Final = 300


class LetterState(StrEnum):
    """The state of a letter.

    `failed`: it could not be applied and waits for a person. `held`: an earlier letter of the same user is open.
    `requested`: it is applied when the listener takes the lease. `replayed`, `skipped`: closed. `superseded`:
    closed by a snapshot, which compares the user anew. `foreign`: a row of history that no listener wrote, kept
    for its owner; it holds no user back.
    """

    FAILED = "failed"
    HELD = "held"
    REQUESTED = "requested"
    REPLAYED = "replayed"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"
    FOREIGN = "foreign"


OPEN_STATES: Final = (LetterState.FAILED, LetterState.HELD, LetterState.REQUESTED)


def letter_of(
    change: Change, *, state: LetterState, error: Exception | None, is_snapshotting: bool = False
) -> Document:
    """Make the letter of a change. Pure.

    The id is that of the event, so a repeated transaction writes one letter.

    Args:
        is_snapshotting: The end of the snapshot rebuilds the effects that chunks do not build, so a replay must
            leave them alone.
    """
    after = None if change.after_raw is None else bytes(change.after_raw.raw)
    is_kept = after is None or len(after) <= MAX_KEPT_BYTES
    return {
        "_id": change.event_id,
        "key": Binary(key_bytes(change.user_id)),
        "user_id": str(change.user_id)[:MAX_TEXT_CHARS],
        "operation": change.operation.value,
        "cluster_time": change.cluster_time,
        "wall_time": change.wall_time,
        "state": state.value,
        "is_in_rebuilt_effects": is_snapshotting,
        "after": Binary(after) if after is not None and is_kept else None,
        "is_after_known": change.is_after_known and is_kept,
        **error_facts(error),
        "attempts": 0 if error is None else 1,
    }


def error_facts(error: Exception | None) -> Document:
    """Describe an error: its type, the server's code and its text."""
    if error is None:
        return {"error": None, "code": None, "reason": "an earlier change of this user is a dead letter"}
    codes = sorted(server_codes(error)) if isinstance(error, PyMongoError) else []
    return {
        "error": type(error).__name__,
        "code": codes[0] if codes else None,
        "reason": str(error)[:MAX_TEXT_CHARS],
    }


def change_of(letter: Mapping[str, Any]) -> Change:
    """Restore the change of a letter; its state before is unknown. Pure."""
    after = None if letter["after"] is None else RawBSONDocument(bytes(letter["after"]))
    return Change(
        event_id=letter["_id"],
        token=NO_TOKEN,
        size_bytes=0 if after is None else len(after.raw),
        operation=Operation(letter["operation"]),
        user_id=id_of_key(letter["key"]),
        cluster_time=letter["cluster_time"],
        wall_time=letter["wall_time"],
        before=None,
        after=decoded(after),
        after_raw=after,
        is_before_known=letter["operation"] == Operation.INSERT,
        is_after_known=letter["is_after_known"],
    )


async def supersede_letters(database: Database, session: AsyncClientSession) -> None:
    """Close every open letter."""
    await database[LETTERS].update_many(
        {"state": {"$in": list(OPEN_STATES)}}, {"$set": {"state": LetterState.SUPERSEDED.value}}, session=session
    )


async def has_open_letters(database: Database) -> bool:
    """Tell whether a user has an open letter."""
    return await database[LETTERS].find_one({"state": {"$in": list(OPEN_STATES)}}, {"_id": 1}) is not None


async def note_rebuild(database: Database, session: AsyncClientSession) -> None:
    """Note that the rebuilt effects have the changes of all open letters.

    A replay must leave these effects alone.
    """
    await database[LETTERS].update_many(
        {"state": {"$in": list(OPEN_STATES)}}, {"$set": {"is_in_rebuilt_effects": True}}, session=session
    )


def key_bytes(user_id: Any) -> bytes:
    """Encode a user's id of any type."""
    return bson.encode({"": user_id})


def id_of_key(key: bytes) -> Any:
    """Decode what `key_bytes` has encoded."""
    return bson.decode(bytes(key), IMAGE_CODEC)[""]


def letter_writer(database: Database, letter: Document) -> Write:
    """Return the write of a letter for a transaction; a repeated one changes nothing."""

    async def write(session: AsyncClientSession) -> None:
        await database[LETTERS].update_one(
            {"_id": letter["_id"]},
            {"$setOnInsert": {name: value for name, value in letter.items() if name != "_id"}},
            upsert=True,
            session=session,
        )

    return write


async def held_users(database: Database) -> set[Hashable]:
    """Read which users have an open letter."""
    letters = database[LETTERS].find({"state": {"$in": list(OPEN_STATES)}}, {"key": 1})
    return {user_key(id_of_key(letter["key"])) async for letter in letters}
