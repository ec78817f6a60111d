"""A snapshot is read in chunks, between the changes, and continues after a restart."""

import asyncio
from typing import Any

import bson
import pytest
from bson import Int64, MaxKey, MinKey, ObjectId
from bson.binary import Binary

from docustore.changes import comparison, control, snapshot
from docustore.changes.control import ResetTo
from docustore.changes.lease import acquire
from docustore.changes.listener import listen
from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from tests.listening import assert_consistent, following, history_of, make_user
from tests.waiting import until

CHUNK = 7
MIXED_IDS = [
    MinKey(), None, -1, 0.5, Int64(2), "", "abc", {}, {"a": 1}, Binary(b"x"), ObjectId(), False, True,
    MaxKey(),
]  # fmt: skip


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Follow the stream after each small chunk, as a snapshot of hours does."""
    monkeypatch.setattr(comparison, "CHUNK_USERS", CHUNK)
    monkeypatch.setattr(snapshot, "FOLLOW_EVERY_S", 0.0)


async def test_chunks_and_changes_interleave(database: Database, settings: Settings) -> None:
    """Users before, at and beyond the checkpoint change; each change is in a chunk or in the stream."""
    await database.command({"collMod": "users", "validator": {}})
    users = [make_user() for _ in range(10 * CHUNK)]
    await database["users"].insert_many(users)
    is_done = False

    async def write() -> None:
        while not is_done:
            for number, user in enumerate(users):
                await database["users"].update_one({"_id": user["_id"]}, {"$inc": {"version": 1}})
                if number % 9 == 0:
                    await database["users"].insert_one(make_user())
                    await database["users"].insert_one(make_user(_id=f"text-{ObjectId()}"))
                if is_done:
                    return

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        async with following(database, settings):
            await until(lambda: database[POSITIONS].find_one({"state": "streaming"}))
            is_done = True
            await wait_until_applied(database)

    operations = {row["operation"] for row in await history_of(database)}
    assert operations == {"snapshot", "insert", "update"}
    await assert_consistent(database)


async def test_recovery_interleaves_with_changes(database: Database, settings: Settings) -> None:
    """Deleted, changed, new and equal users of a lost position, while others change."""
    users = [make_user() for _ in range(6 * CHUNK)]
    await database["users"].insert_many(users)
    async with following(database, settings):
        await wait_until_applied(database)
    for user in users[::3]:
        await database["users"].delete_one({"_id": user["_id"]})
    for user in users[1::3]:
        await database["users"].update_one({"_id": user["_id"]}, {"$inc": {"version": 1}})
    await control.reset(database, ResetTo.SNAPSHOT, actor="cli:ada")

    async def write() -> None:
        for user in users[2::3]:
            await database["users"].update_one({"_id": user["_id"]}, {"$inc": {"version": 1}})
            await database["users"].insert_one(make_user())
        for user in users[1::6]:
            await database["users"].delete_one({"_id": user["_id"]})

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        async with following(database, settings):
            await wait_until_applied(database)
    async with following(database, settings):
        await wait_until_applied(database)

    await assert_consistent(database)


async def test_ids_of_all_types_are_read_once(database: Database, settings: Settings) -> None:
    """Chunks end between any two types."""
    await database.command({"collMod": "users", "validator": {}})
    ids: list[Any] = [*MIXED_IDS, *(ObjectId() for _ in range(CHUNK)), *(f"u{n}" for n in range(CHUNK))]
    await database["users"].insert_many([make_user(_id=each, email=f"{n}@x.org") for n, each in enumerate(ids)])

    async with following(database, settings):
        await wait_until_applied(database)

    recorded = {bson.encode({"": row["user_id"]}) for row in await history_of(database)}
    missing = [each for each in ids if bson.encode({"": each}) not in recorded]
    assert missing == []
    assert await database["user_history"].count_documents({}) == len(ids)


async def test_snapshot_resumes_after_its_last_chunk(database: Database, settings: Settings) -> None:
    """A restart writes no row twice and removes none."""
    users = [make_user() for _ in range(5 * CHUNK)]
    await database["users"].insert_many(users)
    await _stopped_after(database, settings, rows=2 * CHUNK)
    first = await history_of(database)
    assert CHUNK <= len(first) < len(users)
    await database["users"].update_one({"_id": users[0]["_id"]}, {"$inc": {"version": 1}})
    await database["users"].delete_one({"_id": users[-1]["_id"]})

    async with following(database, settings):
        await wait_until_applied(database)

    rows = await history_of(database)
    assert rows[: len(first)] == first
    assert len(rows) == len(users)
    await assert_consistent(database)


async def test_interrupted_again_and_again_is_one_recovery(database: Database, settings: Settings) -> None:
    await database["users"].insert_many([make_user() for _ in range(2 * CHUNK)])
    async with following(database, settings):
        await wait_until_applied(database)
    await database["users"].update_many({}, {"$inc": {"version": 1}})
    await control.reset(database, ResetTo.SNAPSHOT, actor="cli:ada")

    for _ in range(5):
        await _cancelled_in_snapshot(database, settings)
    async with following(database, settings):
        await wait_until_applied(database)

    assert await database["change_gaps"].count_documents({}) == 1
    await assert_consistent(database)


async def test_blocked_listener_erases_no_history(database: Database, settings: Settings) -> None:
    """Another listener takes over while the first one is about to remove leftover rows."""
    await database["users"].insert_many([make_user() for _ in range(CHUNK)])
    await database["user_history"].insert_many([{"_id": n, "event_id": f"left:{n}"} for n in (1, 2)])
    async with database.client.start_session() as session, await session.start_transaction():
        # The removal waits for this lock, as for a frozen disk.
        await database["user_history"].update_one({"_id": 1}, {"$set": {"locked": True}}, session=session)
        blocked = asyncio.create_task(listen(database, settings, stop=asyncio.Event()))
        await until(lambda: database[POSITIONS].find_one({"owner": {"$ne": None}}))
        await database[POSITIONS].update_one({}, [{"$set": {"lease_expires_at": "$$NOW"}}])
        assert await acquire(database, owner="other", lease_s=3600) is not None
        await session.abort_transaction()
    await database["user_history"].delete_many({})
    await database["user_history"].insert_many([{"_id": n, "event_id": f"kept:{n}"} for n in range(1, 1001)])
    await database[POSITIONS].update_one({}, {"$set": {"seq": Int64(1000)}})
    await database[POSITIONS].update_one({"_id": POSITION_ID}, {"$set": {"blocked_since": 1}})

    async def is_standing_by() -> bool:
        return not blocked.done()

    await until(is_standing_by)
    blocked.cancel()
    await asyncio.gather(blocked, return_exceptions=True)

    assert await database["user_history"].count_documents({}) == 1000


async def _stopped_after(database: Database, settings: Settings, *, rows: int) -> None:
    stop = asyncio.Event()
    listener = asyncio.create_task(listen(database, settings, stop=stop))
    await until(lambda: database["user_history"].find_one({"_id": rows}))
    stop.set()
    await listener


async def _cancelled_in_snapshot(database: Database, settings: Settings) -> None:
    """End a listener within a snapshot; its lease is left behind, as by a killed process."""
    listener = asyncio.create_task(listen(database, settings, stop=asyncio.Event()))
    await until(lambda: database[POSITIONS].find_one({"owner": {"$ne": None}, "state": "snapshotting"}))
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)
    await database[POSITIONS].update_one({}, [{"$set": {"lease_expires_at": "$$NOW"}}])
