"""Read users and derived documents, present or as of a cluster time."""

from collections.abc import Hashable, Sequence
from typing import Any, Final

import bson
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.changes.comparison import GREATEST_ID, REPLACEMENT, boundary_id, is_greatest_id
from docustore.changes.events import user_key
from docustore.changes.id_parts import parts_of
from docustore.database import Database
from docustore.history.rows import IMAGE_CODEC, Image
from docustore.users.stored import USERS

CHUNK: Final = 1000
_RAW: Final = IMAGE_CODEC.with_options(document_class=RawBSONDocument)


async def next_documents(
    database: Database,
    collection: str,
    *,
    fields: Sequence[str],
    after: bytes | None,
    at: Timestamp | None = None,
) -> list[RawBSONDocument]:
    """Read the next documents in the order of `_id`; empty at the end.

    Args:
        fields: The top-level fields to read; none = only `_id`.
        after: The BSON document `{_id: ...}` of the last document before; None from the beginning.
        at: The cluster time of the state to read; None = now.
    """
    if is_greatest_id(after):
        return []
    bounds: dict[str, Any] = {}
    if after is not None:
        # `min` compares ids of all types; a comparison operator of a query finds only ids of one type.
        bounds = {"filter": {"$expr": {"$gt": ["$_id", boundary_id(after)]}}, "min": RawBSONDocument(after)}
    command = {
        "find": collection,
        **bounds,
        "sort": {"_id": 1},
        "hint": {"_id": 1},
        "projection": _projection(fields),
        "limit": CHUNK,
        "batchSize": CHUNK,
    }
    found = await _found(database, command, at, is_one_reply=True)
    if found or after is None:
        return found
    last = {"find": collection, "filter": GREATEST_ID, "projection": _projection(fields), "limit": 1}
    return await _found(database, last, at, is_one_reply=True)


async def documents_of(
    database: Database,
    collection: str,
    user_ids: Sequence[Any],
    *,
    fields: Sequence[str] | None,
    at: Timestamp | None = None,
) -> dict[Hashable, Image]:
    """Read the documents of some users, decoded, by `user_key`.

    Args:
        fields: The top-level fields to read; None = all.
        at: See `next_documents`.
    """
    documents: dict[Hashable, Image] = {}
    for part in parts_of(user_ids):
        command = {
            "find": collection,
            "filter": {"_id": {"$in": part}},
            "projection": {} if fields is None else _projection(fields),
            "batchSize": len(part) + 1,
        }
        found = map(decode, await _found(database, command, at))
        documents |= {user_key(document["_id"]): document for document in found}
    return documents


async def users_of(
    database: Database, user_ids: Sequence[Any], *, fields: Sequence[str], at: Timestamp | None = None
) -> dict[Hashable, Image]:
    """Read some users; see `documents_of`."""
    return await documents_of(database, USERS, user_ids, fields=fields, at=at)


def decode(document: RawBSONDocument) -> Image:
    """Decode a document; accepts the values that only other clients write."""
    return bson.decode(document.raw, IMAGE_CODEC)


def is_readable(user_id: Any) -> bool:
    """Tell whether an id survives decoding.

    Broken UTF-8 does not, and no request can name such a user.
    """
    return REPLACEMENT not in str(user_id)


def _projection(fields: Sequence[str]) -> dict[str, int]:
    return {"_id": 1, **dict.fromkeys(fields, 1)}


async def _found(
    database: Database, command: dict[str, Any], at: Timestamp | None, *, is_one_reply: bool = False
) -> list[RawBSONDocument]:
    # Bare commands: the driver has no call for a read at a given cluster time.
    concern: dict[str, Any] = {"level": "majority"}
    if at is not None:
        concern = {"level": "snapshot", "atClusterTime": at}
    async with database.client.start_session(causal_consistency=False) as session:
        command = {**command, "singleBatch": is_one_reply, "readConcern": concern}
        cursor = (await database.command(command, session=session, codec_options=_RAW))["cursor"]
        found: list[RawBSONDocument] = list(cursor["firstBatch"])
        # A reply ends at 16 MB: a document that is only missing in it must not look deleted.
        while cursor["id"]:
            more = {"getMore": cursor["id"], "collection": command["find"]}
            cursor = (await database.command(more, session=session, codec_options=_RAW))["cursor"]
            found += cursor["nextBatch"]
    return found
