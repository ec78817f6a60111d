"""The stored rows of `Idempotency-Key`s.

The write of a row waits neither for the majority nor for the journal. The oplog has an order: once a later write
is durable, the rows before it are durable too. What a lost row means is told in `docustore.users.idempotency`.
MongoDB deletes rows after `KEPT`.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from beanie import Document, PydanticObjectId
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from docustore.users.bounded import bounded_write

IDEMPOTENCY_KEYS: Final = "idempotency_keys"
KEPT: Final = timedelta(hours=24)
# What another request has just written must be seen: it refuses the insert of the same key.
_LOCAL: Final = ReadConcern("local")
_PRIMARY: Final = WriteConcern(w=1)

Row = dict[str, Any]


class IdempotencyKey(Document):
    """A key that has created a user, or is about to.

    `id` is the writer's name and the key. `request` is the digest of the request, see `SentRequest`. `user_id` and
    `password_hash` are those of the user; there is a hash if the request had a password. `made` is true once the
    user is stored; earlier releases stored the row together with the user, without this field.
    """

    id: str  # type: ignore[assignment]
    request: str
    password_hash: str | None = None
    user_id: PydanticObjectId
    made: bool = True
    created_at: datetime

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = IDEMPOTENCY_KEYS


def is_made(row: Row) -> bool:
    """Tell whether the user of a row is known to have been stored."""
    return bool(row.get("made", True))


async def find_row(key_id: str) -> Row | None:
    """Read the row of a key; None if the key is unused."""
    return await _rows().find_one({"_id": key_id})


async def insert_row(row: Row) -> bool:
    """Claim a key; False if it has a row already.

    Raises:
        WriteHeldUpError: A process of an earlier release holds the key in a transaction.
    """
    try:
        with bounded_write():
            await _rows().insert_one(row)
    except DuplicateKeyError:
        return False
    return True


async def release_row(row: Row) -> bool:
    """Make the key unused again.

    Returns:
        False if another request has marked, replaced or released the row.
    """
    own = {"_id": row["_id"], "user_id": row["user_id"], "made": False}
    return (await _rows().delete_one(own)).deleted_count == 1


async def mark_made(row: Row) -> None:
    """Note that the user of a row is stored.

    The row is inserted again if an election has lost it. A failure costs one more look at the user and its history
    by the next request with the key, so it is no failure of this one.
    """
    own = {"_id": row["_id"], "user_id": row["user_id"]}
    rest = {name: value for name, value in row.items() if name not in {*own, "made"}}
    with suppress(PyMongoError):
        await _rows().update_one(own, {"$set": {"made": True}, "$setOnInsert": rest}, upsert=True)


def _rows() -> AsyncCollection[Row]:
    return IdempotencyKey.get_pymongo_collection().with_options(read_concern=_LOCAL, write_concern=_PRIMARY)
