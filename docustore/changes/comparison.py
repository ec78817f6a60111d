"""Where `users`, as of one cluster time, differs from the last states in history.

Users are read in chunks by `_id`, so that a reader can stop and resume after any chunk.
"""

from collections.abc import AsyncIterator, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import bson
from bson.max_key import MaxKey
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.changes.events import NO_TOKEN, Change, decoded, user_key
from docustore.changes.id_parts import parts_of
from docustore.changes.images import Recorded
from docustore.changes.position import Partition
from docustore.database import Database
from docustore.history.models import HISTORY, Operation
from docustore.history.rows import IMAGE_CODEC, same_value
from docustore.users.partition import is_in
from docustore.users.stored import USERS

CHUNK_USERS: Final = 1000
REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_STRING, _DOCUMENT, _MAX_KEY = 0x02, 0x03, 0x7F
# The server never returns this id beside a lower bound, and refuses it as one: it is read by itself, at the end.
GREATEST_ID: Final[dict[str, Any]] = {"_id": MaxKey()}
_AT_THE_END: Final = {"projection": {"password_hash": 0}, "limit": 1, "singleBatch": True}
# After the length of the document, the type byte and the name `_id`.
_ID_START: Final = 9
_RAW: Final = IMAGE_CODEC.with_options(document_class=RawBSONDocument)


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

    def all_deleted(self, user_ids: Sequence[Any], recorded: Mapping[Hashable, Recorded]) -> Iterator[Change]:
        """Yield the deletions that history does not know yet."""
        for user_id in user_ids:
            last = recorded.get(user_key(user_id))
            if last is not None and last.after is not None:
                yield self.deleted(user_id, last)

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


async def read_chunk(
    database: Database, cluster_time: Timestamp, *, after: bytes | None, own: dict[str, Any] | None = None
) -> list[RawBSONDocument]:
    """Read the next users in the order of `_id`.

    Empty at the end. At most one reply of 16 MB.

    Args:
        after: The BSON document `{_id: ...}` of the last user of the chunk before; None from the beginning.
        own: The expression of the users that are wanted; None for all.

    Raises:
        OperationFailure: Code 239, the server no longer keeps that state.
    """
    if is_greatest_id(after):
        return []
    bounds: dict[str, Any] = {}
    conditions = [] if own is None else [own]
    greatest = GREATEST_ID if own is None else {**GREATEST_ID, "$expr": own}
    if after is not None:
        # `min` compares ids of all types; a comparison operator of a query finds only ids of one type.
        bounds = {"min": RawBSONDocument(after)}
        conditions.append({"$gt": ["$_id", boundary_id(after)]})
    if conditions:
        bounds["filter"] = {"$expr": conditions[0] if len(conditions) == 1 else {"$and": conditions}}
    command = {
        "find": USERS,
        **bounds,
        "sort": {"_id": 1},
        "hint": {"_id": 1},
        "projection": {"password_hash": 0},
        "limit": CHUNK_USERS,
        "batchSize": CHUNK_USERS,
        "singleBatch": True,
    }
    found = await _read_at(database, cluster_time, command)
    if found or after is None:
        return found
    return await _read_at(database, cluster_time, {"find": USERS, "filter": greatest, **_AT_THE_END})


def is_greatest_id(boundary: bytes | None) -> bool:
    """Tell whether no id follows a boundary. Pure."""
    return boundary is not None and boundary[4] == _MAX_KEY


def boundary_id(boundary: bytes) -> dict[str, Any]:
    """Return the aggregation expression for the `_id` of a boundary."""
    return {"$let": {"vars": {"boundary": {"$literal": RawBSONDocument(boundary)}}, "in": "$$boundary._id"}}


async def _read_at(database: Database, cluster_time: Timestamp, command: dict[str, Any]) -> list[RawBSONDocument]:
    # Bare commands: the driver has no call for a read at a given cluster time.
    command = {**command, "readConcern": {"level": "snapshot", "atClusterTime": cluster_time}}
    async with database.client.start_session(causal_consistency=False) as session:
        reply = await database.command(command, session=session, codec_options=_RAW)
    found: list[RawBSONDocument] = reply["cursor"]["firstBatch"]
    return found


def boundary_of(user: RawBSONDocument) -> bytes:
    """Return the BSON document `{_id: ...}` of a user, byte for byte. Pure.

    The id of a string that is not UTF-8 would change if it was decoded and encoded.
    """
    raw = bytes(user.raw)
    size = _id_size(raw)
    if size is None:
        return bson.encode({"_id": user["_id"]})
    element = raw[4 : _ID_START + size]
    return (4 + len(element) + 1).to_bytes(4, "little") + element + b"\x00"


def _id_size(raw: bytes) -> int | None:
    """Measure the value of the first element if it is `_id` and a string or document."""
    if raw[5:_ID_START] != b"_id\x00":
        return None
    length = int.from_bytes(raw[_ID_START : _ID_START + 4], "little")
    return {_STRING: 4 + length, _DOCUMENT: length}.get(raw[4])


async def recorded_user_ids(database: Database, *, partition: Partition | None = None) -> AsyncIterator[list[Any]]:
    """Yield the ids of all users that exist according to history.

    With a partition, only its users.
    """
    own = {} if partition is None else {"$expr": is_in("$user_id", index=partition.index, of=partition.of)}
    pipeline: list[dict[str, Any]] = [
        *([{"$match": own}] if own else []),
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


async def absent_users(database: Database, cluster_time: Timestamp, user_ids: list[Any]) -> list[Any]:
    """List the ids that no user had at that time.

    An id that is not UTF-8 is recorded with replacement characters, so it is never listed.
    """
    present = [user for part in parts_of(user_ids) for user in await _present(database, cluster_time, part)]
    known = {user_key(user["_id"]) for user in present}
    return [each for each in user_ids if user_key(each) not in known and REPLACEMENT not in str(each)]


async def _present(database: Database, cluster_time: Timestamp, user_ids: list[Any]) -> list[RawBSONDocument]:
    command = {"find": USERS, "filter": {"_id": {"$in": user_ids}}, "projection": {"_id": 1}}
    return await _read_at(database, cluster_time, {**command, "batchSize": len(user_ids), "singleBatch": True})


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
