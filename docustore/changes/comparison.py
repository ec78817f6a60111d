"""Where the collection, as it was at one instant, differs from the last states that history has.

Reads users and history once each, in batches; memory is flat.
"""

from collections.abc import AsyncIterator, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import bson
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.changes.events import user_key
from docustore.changes.images import Recorded, recorded_states
from docustore.changes.pipeline import USERS
from docustore.database import Database
from docustore.history.models import HISTORY, Operation
from docustore.history.rows import IMAGE_CODEC

CHUNK_USERS: Final = 1000
_RAW: Final = IMAGE_CODEC.with_options(document_class=RawBSONDocument)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """A user whose state differs from the recorded one; None where it is not there.

    `unchecked` names fields that history could not keep, so that nothing is known of their change.
    """

    operation: Operation
    user_id: Any
    before: RawBSONDocument | None
    after: RawBSONDocument | None
    unchecked: frozenset[str] = frozenset()


async def differing_states(
    database: Database, cluster_time: Timestamp, *, is_history_empty: bool
) -> AsyncIterator[list[StateChange]]:
    """Yield, in batches, every user that differs: new and changed ones in order of `_id`, then those gone.

    Each user comes once. With an empty history that is every user, as `snapshot`; else `recovered`.

    Raises:
        OperationFailure: Code 239, the server no longer keeps that instant.
    """
    async for users in _read_users_at(database, cluster_time, projection={"password_hash": 0}):
        if is_history_empty:
            yield [_first_state(user) for user in users]
            continue
        recorded = await recorded_states(database, [user["_id"] for user in users])
        yield list(_changed_states(users, recorded))
    if not is_history_empty:
        async for user_ids in _recorded_user_ids(database):
            yield await _gone_states(database, cluster_time, user_ids)


async def _read_users_at(
    database: Database,
    cluster_time: Timestamp,
    *,
    projection: Mapping[str, int],
    query: Mapping[str, Any] | None = None,
) -> AsyncIterator[list[RawBSONDocument]]:
    # The driver has no call for a read at a given cluster time, hence bare commands; one explicit session,
    # since the server ties a cursor to it.
    async with database.client.start_session(causal_consistency=False) as session:
        command: dict[str, Any] = {
            "find": USERS,
            "filter": query or {},
            "sort": {"_id": 1},
            "projection": projection,
            "batchSize": CHUNK_USERS,
            "readConcern": {"level": "snapshot", "atClusterTime": cluster_time},
        }
        reply = await database.command(command, session=session, codec_options=_RAW)
        batch = reply["cursor"]["firstBatch"]
        while batch:
            yield batch
            if not (cursor_id := reply["cursor"]["id"]):
                return
            command = {"getMore": cursor_id, "collection": USERS, "batchSize": CHUNK_USERS}
            reply = await database.command(command, session=session, codec_options=_RAW)
            batch = reply["cursor"]["nextBatch"]


async def _recorded_user_ids(database: Database) -> AsyncIterator[list[Any]]:
    """Yield the ids of all users that are there according to history."""
    pipeline: list[dict[str, Any]] = [
        {"$sort": {"user_id": 1, "_id": -1}},
        {"$group": {"_id": "$user_id", "after_type": {"$first": {"$type": "$after"}}}},
        {"$match": {"after_type": "object"}},
    ]
    rows = database[HISTORY].with_options(codec_options=_RAW)
    cursor = await rows.aggregate(pipeline, allowDiskUse=True, batchSize=CHUNK_USERS)
    user_ids: list[Any] = []
    async for group in cursor:
        user_ids.append(group["_id"])
        if len(user_ids) == CHUNK_USERS:
            yield user_ids
            user_ids = []
    if user_ids:
        yield user_ids


async def _gone_states(database: Database, cluster_time: Timestamp, user_ids: list[Any]) -> list[StateChange]:
    there: set[Hashable] = set()
    query = {"_id": {"$in": user_ids}}
    async for users in _read_users_at(database, cluster_time, projection={"_id": 1}, query=query):
        there.update(user_key(user["_id"]) for user in users)
    gone = [user_id for user_id in user_ids if user_key(user_id) not in there]
    if not gone:
        return []
    recorded = await recorded_states(database, gone)
    return [
        StateChange(
            operation=Operation.RECOVERED,
            user_id=user_id,
            before=recorded[user_key(user_id)].after,
            after=None,
        )
        for user_id in gone
    ]


def _first_state(user: RawBSONDocument) -> StateChange:
    return StateChange(operation=Operation.SNAPSHOT, user_id=user["_id"], before=None, after=user)


def _changed_states(users: list[RawBSONDocument], recorded: Mapping[Any, Recorded]) -> Iterator[StateChange]:
    for user in users:
        last = recorded.get(user_key(user["_id"]))
        if last is not None and _is_same(last, user):
            continue
        yield StateChange(
            operation=Operation.RECOVERED,
            user_id=user["_id"],
            before=last.after if last else None,
            after=user,
            unchecked=last.omitted if last else frozenset(),
        )


def _is_same(last: Recorded, user: RawBSONDocument) -> bool:
    if last.after is None:
        return False
    if last.after.raw == user.raw:
        return True
    current = bson.decode(user.raw, IMAGE_CODEC)
    for name in last.omitted:
        current.pop(name, None)
    return bool(bson.decode(last.after.raw, IMAGE_CODEC) == current)
