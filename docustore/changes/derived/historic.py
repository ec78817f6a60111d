"""Derived effects that also know removed users and rows of history.

The document of a removed user is made from its last state in history. A row is counted once, in the transaction
that moves the checkpoint past it. A build forgets the counted rows and reads them again, up to the row at which it
began; later rows are followed meanwhile.
"""

from abc import abstractmethod
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.derived.derivation import DerivedEffect
from docustore.changes.events import user_key
from docustore.database import UNCLAMPED, Database, Document
from docustore.history.models import HISTORY
from docustore.history.rows import IMAGE_CODEC, Image

# Numbers of rows that one step of a build looks at; only the rows of interest are returned.
WINDOW: Final = 10_000
# The state after a deletion is null; that of a compacted row is absent.
IS_DELETION: Final[Mapping[str, Any]] = {"after": {"$type": "null"}}

Row = Mapping[str, Any]


class HistoricEffect(DerivedEffect):
    """A derived effect that keeps documents of removed users, and counts rows.

    `row_filter` finds the rows that it counts, `row_projection` is what it reads of each.
    """

    row_filter: ClassVar[Mapping[str, Any]]
    row_projection: ClassVar[Mapping[str, Any]]

    @abstractmethod
    def state_of_gone(self, last: Image, *, ended_at: datetime) -> Document | None:
        """Make the document of a removed user from its last state. Pure."""

    @abstractmethod
    def state_of_unknown(self, before: Document | None) -> Document | None:
        """Make the document of a removed user that history does not know. Pure.

        Args:
            before: The stored document.
        """

    @abstractmethod
    async def write_rows(self, database: Database, rows: Sequence[Row], session: AsyncClientSession) -> None:
        """Count rows, each exactly once, in the transaction that moves the checkpoint."""

    @abstractmethod
    async def forget_rows(self, database: Database, session: AsyncClientSession) -> None:
        """Set to zero what `write_rows` has counted: a build begins."""


async def gone_documents(
    database: Database,
    effect: DerivedEffect,
    user_ids: Sequence[Any],
    stored: Mapping[Hashable, Document | None],
) -> dict[Hashable, Document]:
    """Make the documents of removed users, by `user_key`.

    A user without one is absent.
    """
    if not user_ids or not isinstance(effect, HistoricEffect):
        return {}
    last, ended = await _last_rows(database, user_ids)
    found: dict[Hashable, Document] = {}
    for user_id in user_ids:
        key = user_key(user_id)
        image = last.get(key)
        document = (
            effect.state_of_unknown(stored.get(key))
            if image is None
            else effect.state_of_gone(image, ended_at=ended[key])
        )
        if document is not None:
            found[key] = document
    return found


async def rows_of_interest(
    database: Database, effect: HistoricEffect, *, after: int, up_to: int
) -> tuple[list[Document], int]:
    """Read the rows of the next window that are deletions or are counted.

    Returns the rows in their order, and the number that the window reaches.
    """
    reached = min(up_to, after + WINDOW)
    query = {"_id": {"$gt": after, "$lte": reached}, "$or": [dict(IS_DELETION), dict(effect.row_filter)]}
    history = database[HISTORY].with_options(codec_options=UNCLAMPED)
    rows = history.find(query, {"user_id": 1, "valid_from": 1, **effect.row_projection})
    return await rows.sort("_id", 1).to_list(), reached


async def removed_users(database: Database, *, up_to: int) -> AsyncIterator[list[Any]]:
    """Yield the ids of the users that history has seen removed; some may be back."""
    reached = 0
    while reached < up_to:
        numbers = {"$gt": reached, "$lte": reached + WINDOW}
        history = database[HISTORY].with_options(codec_options=UNCLAMPED)
        rows = await history.find({"_id": numbers, **IS_DELETION}, {"user_id": 1}).to_list()
        yield list({user_key(row["user_id"]): row["user_id"] for row in rows}.values())
        reached += WINDOW


async def _last_rows(
    database: Database, user_ids: Sequence[Any]
) -> tuple[dict[Hashable, Image], dict[Hashable, datetime]]:
    """Read the last state of each user, and the time of its last row."""
    rows = database[HISTORY].with_options(codec_options=IMAGE_CODEC)

    async def newest(query: Mapping[str, Any], field: str) -> dict[Hashable, Any]:
        pipeline: list[dict[str, Any]] = [
            {"$match": {"user_id": {"$in": list(user_ids)}, **query}},
            {"$sort": {"user_id": 1, "_id": -1}},
            {"$group": {"_id": "$user_id", "found": {"$first": f"${field}"}}},
        ]
        return {user_key(each["_id"]): each["found"] async for each in await rows.aggregate(pipeline)}

    # The state before a deletion is never compacted, so it is there.
    return await newest({"after": {"$type": "object"}}, "after"), await newest({}, "valid_from")
