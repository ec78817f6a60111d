"""Read the rows of history for the feed.

Shape of a row: `{_id, operation, user_id, valid_from, source, changed: [name], mark: {before, after}?,
after_type, after: {the fields of a response}?}` and where present `cause`, `approximate`, `omitted`. `mark` is the
change of `deleted_at`. `after_type` is `null` for a user that does not exist any more, `missing` for a row without
its state.

All reads go to the primary with majority concern: what was read once is never rolled back.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Final

from pymongo import ASCENDING
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from docustore.changes.position import POSITIONS
from docustore.database import UNCLAMPED, Database, Document
from docustore.history.models import HISTORY
from docustore.users.fields import IN_RESPONSE

# A server that cannot reach the majority would wait for ever.
CONFIRM_TIMEOUT_MS: Final = 5000
# Only the names of the changes, and only what a response shows of the user: the rest never leaves the server.
_CHANGES: Final = {"$cond": [{"$eq": [{"$type": "$changes"}, "object"]}, {"$objectToArray": "$changes"}, []]}
_PROJECTION: Final[dict[str, Any]] = {
    **dict.fromkeys(("operation", "user_id", "valid_from", "source", "cause", "approximate", "omitted"), 1),
    "changed": {"$map": {"input": _CHANGES, "in": "$$this.k"}},
    "mark": "$changes.deleted_at",
    "after_type": {"$type": "$after"},
    **{f"after.{name}": 1 for name in IN_RESPONSE},
}


async def committed_seq(database: Database, *, is_confirmed: bool = False) -> int:
    """Read the number of the last committed row; 0 before the first one.

    Each partition of the listener has a position. All of them number their rows from one counter, so the greatest
    number is that of the last row, and every smaller one is committed.

    Args:
        is_confirmed: The server makes sure that it is still the primary. An old primary that does not know yet
            that it is none would answer with an old number.
    """
    positions = _primary(database, POSITIONS)
    if is_confirmed:
        positions = positions.with_options(read_concern=ReadConcern("linearizable"))
    found = positions.find({"seq": {"$exists": True}}, {"seq": 1}).max_time_ms(CONFIRM_TIMEOUT_MS)
    return max([int(position["seq"]) async for position in found], default=0)


async def rows_after(
    database: Database, after: int, *, up_to: int, limit: int, user: Hashable | None = None
) -> list[Document]:
    """Read the next rows in their order, of all users or of one.

    Args:
        up_to: The committed number; a row beyond it is not history yet.
    """
    query: dict[str, Any] = {"_id": {"$gt": after, "$lte": up_to}}
    if user is not None:
        query["user_id"] = user
    found = _primary(database, HISTORY).find(query, _PROJECTION, sort=[("_id", ASCENDING)])
    return await found.limit(limit).batch_size(limit).to_list()


async def is_removed(database: Database, after: int) -> bool:
    """Tell whether the row after a number is gone, or has no state any more.

    Rows are removed and emptied from the oldest on.
    """
    row = await _primary(database, HISTORY).find_one({"_id": after + 1}, {"after_type": {"$type": "$after"}})
    return row is None or row["after_type"] == "missing"


def dense(rows: Sequence[Document], *, after: int) -> Sequence[Document]:
    """Return the rows up to the first one that is missing or has no state. Pure."""
    for index, row in enumerate(rows):
        if row["_id"] != after + 1 + index or row["after_type"] == "missing":
            return rows[:index]
    return rows


def _primary(database: Database, name: str) -> AsyncCollection[Document]:
    return database.get_collection(name, codec_options=UNCLAMPED, read_preference=ReadPreference.PRIMARY)
