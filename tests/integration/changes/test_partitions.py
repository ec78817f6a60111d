"""Several listeners share the users; their number changes without loss."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from pymongo import UpdateOne

from docustore.changes.dead_letters import LETTERS
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.layout import divide
from docustore.changes.lease import IS_ALIVE, acquire
from docustore.changes.members import LISTENERS
from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.changes.status import change_status, wait_until_applied
from docustore.changes.verify import verify
from docustore.config import Settings
from docustore.database import Database
from tests.integration.changes.partitions import has_applied, setting, until_owned, wanting
from tests.listening import assert_consistent, following, history_of, make_user
from tests.waiting import until


@asynccontextmanager
async def _listeners(database: Database, settings: Settings, count: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as running:
        for _ in range(count):
            await running.enter_async_context(following(database, settings))
        yield


async def _change_many(database: Database, users: list[dict[str, Any]]) -> int:
    """Insert, update and delete users; return the number of changes."""
    await database["users"].insert_many(users)
    keys = [{"_id": user["_id"]} for user in users]
    await database["users"].bulk_write([UpdateOne(key, setting(status="inactive")) for key in keys])
    await database["users"].delete_many({"_id": {"$in": [key["_id"] for key in keys[::3]]}})
    return 2 * len(users) + len(keys[::3])


async def test_three_listeners_share_the_users(database: Database, settings: Settings) -> None:
    """A new listener gets its share; what a stopped one had goes to the others."""
    own = wanting(settings, 3)
    known = [make_user() for _ in range(20)]
    await database["users"].insert_many(known)

    async with following(database, own):
        await until_owned(database, 3, shares=[3])
        async with following(database, own), following(database, own):
            await until_owned(database, 3, shares=[1, 1, 1])
            changes = await _change_many(database, [make_user() for _ in range(100)])
            await wait_until_applied(database)
            found = await verify(database, EFFECTS)
            status = await change_status(database)
        await until_owned(database, 3, shares=[3])

    assert len(await history_of(database)) == len(known) + changes
    users = await database["users"].count_documents({})
    assert (found.differences, found.is_complete, found.users) == ([], True, users)
    assert (status.applied, status.snapshot_rows, status.state) == (changes, len(known), "streaming")
    assert [part.partition for part in status.partitions] == [0, 1, 2]
    assert await database[LISTENERS].count_documents({}) == 0
    await assert_consistent(database)


async def test_number_of_partitions_changes_under_writes(database: Database, settings: Settings) -> None:
    """1, 4, 2, 1: one row per change, dense, in order."""
    changes, is_done = 0, asyncio.Event()

    async def write() -> None:
        nonlocal changes
        while not is_done.is_set():
            changes += await _change_many(database, [make_user() for _ in range(10)])
            await asyncio.sleep(0.05)  # leaves time to the listeners of this process

    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as running:
        await running.enter_async_context(following(database, settings))
        await wait_until_applied(database)
        tasks.create_task(write())
        for partitions in (4, 2, 1):
            # The newest listener decides; the older ones go on beside it.
            await running.enter_async_context(following(database, wanting(settings, partitions)))
            await until_owned(database, partitions)
            seq = (await change_status(database)).applied
            await until(lambda seq=seq: has_applied(database, seq + 50))  # type: ignore[misc]
        is_done.set()
        await asyncio.sleep(0)
    async with following(database, settings):
        await wait_until_applied(database)

    assert len(await history_of(database)) == changes
    await assert_consistent(database)


async def test_one_listener_without_partitions_leaves_no_trace(database: Database, settings: Settings) -> None:
    """The stored documents are those of a store that never had partitions."""
    async with _listeners(database, settings, 2):
        await _change_many(database, [make_user()])
        await wait_until_applied(database)
        status = await change_status(database)

    assert await database[LISTENERS].find_one() is None
    (position,) = await database[POSITIONS].find().to_list()
    assert not {"partition", "partitions", "floors", "reached"} & position.keys()
    assert len(status.partitions) == 1
    assert "partitions" not in (await database["user_stats"].find_one({"_id": "users"}) or {})


async def test_lease_of_all_users_is_taken_while_there_are_partitions(
    database: Database, settings: Settings
) -> None:
    """A listener of an older release knows only this lease, and stays a standby."""
    async with following(database, settings):
        await wait_until_applied(database)

    assert await divide(database, 2)

    assert await acquire(database, owner="x", lease_s=60) is None
    as_before = {"_id": POSITION_ID, "$expr": {"$not": [IS_ALIVE]}}
    assert await database[POSITIONS].find_one(as_before) is None
    assert not await divide(database, 3)


async def test_end_of_the_collection_is_recovered_as_one(database: Database, settings: Settings) -> None:
    """Every change before it is a row, whichever partition met the end first."""
    users = [make_user() for _ in range(20)]
    async with following(database, wanting(settings, 3)):
        await until_owned(database, 3)
        await database["users"].insert_many(users)
        await database["users"].drop()
        await database["users"].insert_many(users[:5])
        await until(lambda: database["change_gaps"].find_one({"closed_at": {"$exists": True}}))
        await until_owned(database, 3)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)

    rows = await history_of(database)
    assert [row["operation"] for row in rows[:20]] == ["insert"] * 20
    (gap,) = await database["change_gaps"].find().to_list()
    assert gap["reason"] == "drop"
    await assert_consistent(database)


async def test_token_that_no_longer_opens_a_stream_is_no_loss(database: Database, settings: Settings) -> None:
    """The partition becomes part of one position, which begins at a time."""
    users = [make_user() for _ in range(20)]
    async with following(database, wanting(settings, 2)):
        await until_owned(database, 2)
        await database["users"].insert_many(users)
        await wait_until_applied(database)
    await database["users"].update_many({}, setting(status="suspended"))
    data = (await history_of(database))[-1]["event_id"]
    token = {"_data": f"82{int(data[2:10], 16) - 10_000_000:08X}{data[10:]}"}
    await database[POSITIONS].update_one({"_id": "users:1"}, {"$set": {"token": token}, "$unset": {"start_at": 1}})

    async with following(database, wanting(settings, 2)):
        await until(lambda: has_applied(database, 40))
        await until_owned(database, 2)

    assert [row["operation"] for row in await history_of(database)] == ["insert"] * 20 + ["update"] * 20
    assert await database["change_gaps"].find_one() is None
    await assert_consistent(database)


async def test_rows_of_other_partitions_are_not_foreign(database: Database, settings: Settings) -> None:
    async with following(database, wanting(settings, 2)):
        await until_owned(database, 2)
        await database["users"].insert_many([make_user() for _ in range(10)])
        seq = await wait_until_applied(database)
        await database["user_history"].insert_one({"_id": seq + 3})
        await database["users"].insert_many([make_user() for _ in range(10)])
        await wait_until_applied(database)

    assert await database[LETTERS].count_documents({"state": "foreign"}) == 1
    assert len(await history_of(database)) == 20
    await assert_consistent(database)


async def test_marts_are_compared_under_writes(database: Database, settings: Settings) -> None:
    """Each partition is at a time of its own, and the comparison knows it."""
    is_done = asyncio.Event()

    async def write() -> None:
        while not is_done.is_set():
            await _change_many(database, [make_user() for _ in range(5)])
            await asyncio.sleep(0.01)  # leaves time to the listener of this process

    async with following(database, wanting(settings, 2)):
        await until_owned(database, 2)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write())
            await until(lambda: has_applied(database, 20))
            found = await verify(database, EFFECTS)
            is_done.set()

    assert (found.differences, found.is_complete) == ([], True)
