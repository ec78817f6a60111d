"""Everything that a history has left in the store, as plain documents."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from bson import DBRef
from bson.codec_options import CodecOptions, DatetimeConversion

from docustore.database import Database, Document

User = dict[str, Any]
# Naive times, in UTC; a time that Python has no value for is one of another type.
ANY_VALUE: Final[CodecOptions[Document]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
IN_HISTORY: Final = ("_id", "status", "created_at", "deleted_at", "identities", "profile", "roles", "tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of history: user, writer, and the state after.

    The state is None after a removal.
    """

    user_id: Any
    source: str
    after: User | None


async def read_users(database: Database) -> list[User]:
    return await database.get_collection("users", ANY_VALUE).find().to_list()


async def read_rows(database: Database) -> AsyncIterator[Row]:
    """Read history in the order of its numbers, with the fields that figures need."""
    wanted = {f"after.{name}": 1 for name in IN_HISTORY}
    rows = database.get_collection("user_history", ANY_VALUE).find({}, {"user_id": 1, "source": 1, **wanted})
    async for row in rows.sort("_id", 1):
        yield Row(user_id=row["user_id"], source=row["source"], after=row.get("after"))


def document_of(value: object) -> dict[str, Any]:
    """Return an embedded document; empty for any other value."""
    if isinstance(value, DBRef):
        return dict(value.as_doc())
    return value if isinstance(value, dict) else {}
