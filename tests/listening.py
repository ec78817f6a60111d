"""A listener in the test process, test users, and consistency checks.

The checks cover history and marts.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from docustore.analytics.reconcile import reconcile
from docustore.changes.derived.derivation import Derivations
from docustore.changes.effects.registry import DERIVED
from docustore.changes.listener import listen
from docustore.config import Settings
from docustore.database import Database

JOINED = datetime(2024, 5, 1, 12, tzinfo=UTC)


@asynccontextmanager
async def listening(database: Database, settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """Run a listener during the block, then stop it like SIGTERM does."""
    async with _listening(database, settings, DERIVED) as listener:
        yield listener


@asynccontextmanager
async def following(database: Database, settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """Run a listener without derived effects, which would be a third of its work.

    For tests that look at none of them.
    """
    async with _listening(database, settings, ()) as listener:
        yield listener


@asynccontextmanager
async def _listening(
    database: Database, settings: Settings, derived: Derivations
) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    listener = asyncio.create_task(listen(database, settings, stop=stop, derived=derived))
    try:
        yield listener
    finally:
        stop.set()
        await asyncio.gather(listener, return_exceptions=True)


def make_user(**fields: Any) -> dict[str, Any]:
    user_id = ObjectId()
    return {
        "_id": user_id,
        "email": f"{user_id}@example.org",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "status": "active",
        "profile": {"bio": None, "preferences": {"theme": "light", "language": "en"}},
        "roles": ["user"],
        "identities": [{"key": f"crm:{user_id}", "modified_at": JOINED, "hash": "0" * 24}],
        "created_at": JOINED,
        "updated_at": JOINED,
        "updated_by": "etl:crm",
        "deleted_at": None,
        "version": 1,
        "schema_version": 1,
        **fields,
    }


async def history_of(database: Database) -> list[dict[str, Any]]:
    return await database["user_history"].find().sort("_id", 1).to_list()


async def assert_consistent(database: Database) -> None:
    """Compare history and marts with the collection.

    No change is lost, no change is applied twice, and all changes are in order.
    """
    rows = await history_of(database)
    users = {user["_id"]: user async for user in database["users"].find({}, {"password_hash": 0})}
    states: dict[Any, Any] = {}
    assert [row["_id"] for row in rows] == list(range(1, len(rows) + 1))
    assert len({row["event_id"] for row in rows}) == len(rows)
    for row in rows:
        last, after = states.get(row["user_id"]), row["after"]
        if last is not None and after is not None:
            # Every writer of these tests increments the version by one.
            assert after["version"] == last["version"] + 1, row
        if row["operation"] == "update":
            assert last is not None, row
        states[row["user_id"]] = after
    assert {user_id: state for user_id, state in states.items() if state is not None} == users
    difference = await reconcile(database)
    assert difference.is_empty, difference
    assert difference.is_same_instant
