"""Apply the dead letters that a person has released.

Those of one user are applied in the order of its changes.
"""

from collections.abc import Hashable
from typing import Any, Final

import structlog
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.dead_letters import (
    LETTERS,
    OPEN_STATES,
    LetterState,
    change_of,
    error_facts,
    id_of_key,
)
from docustore.changes.effects.effect import Write
from docustore.changes.isolation import Isolation
from docustore.changes.position import POSITION_ID, POSITIONS, Position
from docustore.changes.stopping import stops_the_listener
from docustore.database import Database, Document
from docustore.users.partition import partition_of

log = structlog.get_logger()

# Tokens sort like their events; the letters of one user rarely share a cluster time.
_ORDER: Final = [("cluster_time", 1), ("_id", 1)]


async def replay_requested(isolation: Isolation, position: Position) -> Position:
    """Apply the open letters of every user whose first open letter is not failed.

    A letter that fails again holds the later ones of its user. Called before the stream is read, so the order of
    each user's changes is kept.

    Raises:
        ListenerFencedError: Another listener took over.
    """
    database = isolation.writer.database
    keys = await database[LETTERS].distinct("key", {"state": {"$in": list(OPEN_STATES)}})
    for key in await _own(database, keys, position):
        position = await _replay_user(isolation, position, key)
    return position


async def _own(database: Database, keys: list[bytes], position: Position) -> list[bytes]:
    """Select the users of the position's partition; the server decides."""
    if position.partition is None or not keys:
        return keys
    user_ids = [id_of_key(key) for key in keys]
    found = {"$map": {"input": {"$literal": user_ids}, "in": partition_of("$$this", of=position.partition.of)}}
    pipeline: list[Document] = [{"$match": {"_id": POSITION_ID}}, {"$project": {"found": found}}]
    (document,) = await (await database[POSITIONS].aggregate(pipeline)).to_list()
    places = zip(keys, document["found"], strict=True)
    return [key for key, index in places if index == position.partition.index]


async def _replay_user(isolation: Isolation, position: Position, key: bytes) -> Position:
    letters = isolation.writer.database[LETTERS]
    query = {"key": key, "state": {"$in": list(OPEN_STATES)}}
    user: Hashable = None
    async for letter in letters.find(query).sort(_ORDER):
        if letter["state"] == LetterState.FAILED:
            return position
        position, is_applied = await _replay(isolation, position, letter)
        if not is_applied:
            return position
        user = change_of(letter).user_key
    isolation.held.discard(user)
    return position


async def _replay(isolation: Isolation, position: Position, letter: Document) -> tuple[Position, bool]:
    database = isolation.writer.database
    done = _mark(database, letter["_id"], {"state": LetterState.REPLAYED.value})
    try:
        change = change_of(letter)
        after = await isolation.attempt(
            position, position, change, chunks_only=letter["is_in_rebuilt_effects"], also=done
        )
    except Exception as exc:
        if stops_the_listener(exc):
            raise
        failed: dict[str, Any] = {
            "state": LetterState.FAILED.value,
            **error_facts(exc),
            "attempts": letter["attempts"] + 1,
        }
        await isolation.writer.guarded(position, _mark(database, letter["_id"], failed))
        return position, False
    log.info("listener.dead_letter_replayed", operation=letter["operation"])
    return after, True


def _mark(database: Database, letter_id: str, facts: dict[str, Any]) -> Write:
    async def write(session: AsyncClientSession) -> None:
        await database[LETTERS].update_one({"_id": letter_id}, {"$set": facts}, session=session)

    return write
