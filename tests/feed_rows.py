"""Rows of history as the feed reads them, and as the listener stores them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from bson.int64 import Int64
from bson.timestamp import Timestamp

from docustore.changes.position import POSITION_ID, POSITIONS, ListenerState
from docustore.database import Database
from docustore.feed.events import FeedEvent, feed_event
from docustore.history.models import HISTORY

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def read_row(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A row in the shape of `docustore.feed.rows`."""
    after = fields.pop("after", {"email": "ada@example.org", "first_name": "Ada", "version": 2})
    return {
        "_id": number,
        "operation": "update",
        "user_id": ObjectId("65a000000000000000000001"),
        "valid_from": AT,
        "source": "api:k1",
        "changed": ["status"],
        "after_type": "null" if after is None else "object",
        **({} if after is None else {"after": after}),
        **fields,
    }


def events(first: int, last: int, **fields: Any) -> list[FeedEvent]:
    return [feed_event(read_row(number, **fields)) for number in range(first, last + 1)]


def stored_row(number: int, **fields: Any) -> dict[str, Any]:
    """A row in the shape of `user_history`."""
    user_id = fields.pop("user_id", None) or ObjectId()
    return {
        "_id": Int64(number),
        "event_id": f"82{number:08X}",
        "operation": "update",
        "user_id": user_id,
        "changes": {"status": {"before": "active", "after": "inactive"}},
        "after": {
            "_id": user_id,
            "email": f"user{number}@example.org",
            "status": "inactive",
            "password_note": "never shown",
            "version": 2,
        },
        "valid_from": AT,
        "cluster_time": Timestamp(1, number),
        "source": "etl:crm",
        **fields,
    }


async def commit_rows(database: Database, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows and the position, in one transaction like the listener."""
    async with database.client.start_session() as session, await session.start_transaction():
        await database[HISTORY].insert_many(rows, session=session)
        moved = {"$max": {"seq": rows[-1]["_id"]}, "$setOnInsert": {"fence": 0, "state": ListenerState.NEW.value}}
        await database[POSITIONS].update_one({"_id": POSITION_ID}, moved, upsert=True, session=session)


async def commit_range(database: Database, first: int, last: int, **fields: Any) -> None:
    await commit_rows(database, [stored_row(number, **fields) for number in range(first, last + 1)])
