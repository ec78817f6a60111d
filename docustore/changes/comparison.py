"""Where `users`, as of one cluster time, differs from the last states in history.

Reads users and history once each, in batches; memory is flat.
"""

from collections.abc import AsyncIterator, Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import bson
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.changes.events import Change, Token, decoded, user_key
from docustore.changes.images import Recorded, recorded_states
from docustore.changes.pipeline import USERS
from docustore.database import Database
from docustore.history.models import HISTORY, Operation
from docustore.history.rows import IMAGE_CODEC, same_value

CHUNK_USERS: Final = 1000
# No stream resumes from a change that a comparison found.
NO_TOKEN: Final[Token] = {}
_RAW: Final = IMAGE_CODEC.with_options(document_class=RawBSONDocument)


async def differing_changes(
    database: Database, cluster_time: Timestamp, *, seq: int
) -> AsyncIterator[list[Change]]:
    """Yield, in batches, one change for every user that differs from history.

    Order: new and changed users by `_id`, then deleted ones. Each user comes once. With an empty history (`seq` 0)
    every user comes, as `snapshot`; else the operation is `recovered`.

    Args:
        seq: The number of the last history row; the events are numbered from the next one.

    Raises:
        OperationFailure: Code 239, the server no longer keeps that state.
    """
    found = Comparison(cluster_time=cluster_time, numbers=count(seq + 1))
    async for users in _read_users_at(database, cluster_time, projection={"password_hash": 0}):
        if seq == 0:
            yield [found.first(user) for user in users]
            continue
        recorded = await recorded_states(database, [user["_id"] for user in users])
        yield list(found.changed(users, recorded))
    if seq:
        async for user_ids in _recorded_user_ids(database):
            yield await _deleted(database, found, user_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Makes a change of each difference found at `cluster_time`.

    Pure, except that it takes the next of the `numbers`.
    """

    cluster_time: Timestamp
    numbers: Iterator[int]

    def first(self, user: RawBSONDocument) -> Change:
        """Return the change of a user that history does not know."""
        return self._change(Operation.SNAPSHOT, user["_id"], before=None, after=user)

    def changed(self, users: list[RawBSONDocument], recorded: Mapping[Hashable, Recorded]) -> Iterator[Change]:
        """Yield the changes of the users that differ from their recorded states."""
        for user in users:
            last = recorded.get(user_key(user["_id"]))
            if last is not None and _is_same(last, user):
                continue
            before, unchecked = (last.after, last.omitted) if last else (None, frozenset[str]())
            yield self._change(Operation.RECOVERED, user["_id"], before=before, after=user, unchecked=unchecked)

    def deleted(self, user_id: Any, last: Recorded) -> Change:
        """Return the change of a user that no longer exists."""
        return self._change(Operation.RECOVERED, user_id, before=last.after, after=None)

    def _change(
        self,
        operation: Operation,
        user_id: Any,
        *,
        before: RawBSONDocument | None,
        after: RawBSONDocument | None,
        unchecked: frozenset[str] = frozenset(),
    ) -> Change:
        return Change(
            event_id=f"{operation.value}:{next(self.numbers)}",
            token=NO_TOKEN,
            size_bytes=sum(len(image.raw) for image in (before, after) if image is not None),
            operation=operation,
            user_id=user_id,
            cluster_time=self.cluster_time,
            wall_time=self.cluster_time.as_datetime(),
            before=decoded(before),
            after=decoded(after),
            after_raw=after,
            unchecked=unchecked,
        )


async def _read_users_at(
    database: Database,
    cluster_time: Timestamp,
    *,
    projection: Mapping[str, int],
    query: Mapping[str, Any] | None = None,
) -> AsyncIterator[list[RawBSONDocument]]:
    # Bare commands: the driver has no call for a read at a given cluster time. One explicit session: the server
    # ties a cursor to the session that opened it.
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
    """Yield the ids of all users that exist according to history."""
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


async def _deleted(database: Database, found: Comparison, user_ids: list[Any]) -> list[Change]:
    present: set[Hashable] = set()
    query = {"_id": {"$in": user_ids}}
    async for users in _read_users_at(database, found.cluster_time, projection={"_id": 1}, query=query):
        present.update(user_key(user["_id"]) for user in users)
    absent = [user_id for user_id in user_ids if user_key(user_id) not in present]
    if not absent:
        return []
    recorded = await recorded_states(database, absent)
    return [found.deleted(user_id, recorded[user_key(user_id)]) for user_id in absent]


def _is_same(last: Recorded, user: RawBSONDocument) -> bool:
    """Compare by BSON value and type.

    The stored state is the bytes of the user, unless fields of it were left out.
    """
    if last.after is None:
        return False
    if not last.omitted:
        return last.after.raw == user.raw
    current = bson.decode(user.raw, IMAGE_CODEC)
    for name in last.omitted:
        current.pop(name, None)
    return same_value(bson.decode(last.after.raw, IMAGE_CODEC), current)
