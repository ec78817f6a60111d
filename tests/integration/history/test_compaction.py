"""Compaction changes no state, can be interrupted, and leaves the listener right."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from docustore.changes import control
from docustore.changes.control import ResetTo
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.horizon import read_horizon
from docustore.changes.retention import keep_history_compact
from docustore.changes.status import wait_until_applied
from docustore.changes.verify import verify
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import CompactionBusyError
from docustore.history.compaction import BATCH_ROWS, Order, compact, compacted_through
from docustore.history.compaction_status import history_status
from docustore.history.stored_rows import history_rows
from docustore.history.undo import states_of
from tests.integration.history.test_as_of import NOON, row, with_rows
from tests.listening import following, history_of, make_user

LATER = timedelta(days=1)


async def states(database: Database) -> dict[Any, list[Any]]:
    """Return the states of each user, from all its rows."""
    rows: dict[Any, list[Any]] = {}
    async for each in history_rows(database).find().sort("_id", 1):
        rows.setdefault(each["user_id"], []).append(each)
    return {user_id: states_of(found) for user_id, found in rows.items()}


async def changed_users(database: Database, *, users: int = 3, changes: int = 40) -> None:
    """Write rows as the listener does: users that take turns."""
    made = [make_user() for _ in range(users)]
    rows = [
        row(n, user["_id"], NOON + timedelta(minutes=n), {**user, "version": n, "status": "x" * (n % 3)})
        for n in range(1, changes + 1)
        for user in [made[n % users]]
    ]
    await with_rows(database, rows)


def order(**fields: Any) -> Order:
    return Order(**{"older_than": NOON + timedelta(days=400), "seq": 10**6, **fields})


async def test_states_stay_and_rows_shrink(database: Database) -> None:
    await changed_users(database)
    before = await states(database)

    done = await compact(database, order(seq=40))

    assert await states(database) == before
    stored = await history_of(database)
    assert [each["_id"] for each in stored if "after" in each and each["_id"] > 37] == [38, 39, 40]
    assert (done.rows, done.is_complete, done.through) == (40, True, 40)
    assert done.compacted == sum("undo" in each for each in stored) >= 33
    assert done.bytes_after < done.bytes_before / 4


async def test_only_states_that_ended_before_the_limit_go(database: Database) -> None:
    """The state after change 10 ended with change 13 of the same user."""
    await changed_users(database)

    await compact(database, order(older_than=NOON + timedelta(minutes=13), seq=40))

    compacted = [each["_id"] for each in await history_of(database) if "undo" in each]
    assert compacted == list(range(1, 10))


async def test_dry_run_counts_and_writes_nothing(database: Database) -> None:
    await changed_users(database, users=2, changes=BATCH_ROWS + 30)
    before = await history_of(database)

    planned = await compact(database, order(seq=BATCH_ROWS + 30, is_dry_run=True))

    assert await history_of(database) == before
    assert await database["history_compactions"].count_documents({}) == 0
    assert planned == await compact(database, order(seq=BATCH_ROWS + 30))


async def test_interrupted_compaction_continues(database: Database) -> None:
    await changed_users(database, users=2, changes=BATCH_ROWS + 30)
    before = await states(database)

    first = await compact(database, order(seq=BATCH_ROWS + 30, is_over=lambda done: done.rows > 0))
    second = await compact(database, order(seq=BATCH_ROWS + 30))
    third = await compact(database, order(seq=BATCH_ROWS + 30))

    assert (first.is_complete, first.through, second.rows) == (False, BATCH_ROWS, 30)
    assert (third.rows, third.compacted) == (0, 0)
    assert await states(database) == before


async def test_of_two_compactions_one_stops(database: Database) -> None:
    """A batch that was planned from another progress is not written."""
    await changed_users(database, users=2, changes=3 * BATCH_ROWS)
    before = await states(database)

    both = await asyncio.gather(
        *(compact(database, order(seq=3 * BATCH_ROWS)) for _ in range(2)), return_exceptions=True
    )

    assert [type(each) for each in both if isinstance(each, Exception)] == [CompactionBusyError]
    assert await states(database) == before
    stored = await database["history_compactions"].find_one({"_id": "user_history"})
    assert stored is not None
    assert stored["compacted"] == await database["user_history"].count_documents({"undo": {"$exists": True}}) > 0


async def test_listener_is_right_after_a_compaction(database: Database, settings: Settings) -> None:
    """A lost position compares the users with their last states, which are never compacted."""
    users = [make_user() for _ in range(20)]
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_many([dict(user) for user in users])
        for status in ("inactive", "suspended", "active"):
            await database["users"].update_many({}, {"$set": {"status": status}, "$inc": {"version": 1}})
        await database["users"].delete_one({"_id": users[0]["_id"]})
        seq = await wait_until_applied(database)
    tomorrow = datetime.now(UTC) + LATER
    done = await compact(database, Order(older_than=tomorrow, seq=seq))
    await database["users"].update_one({"_id": users[1]["_id"]}, {"$set": {"status": "inactive"}})
    await control.reset(database, ResetTo.SNAPSHOT, actor="cli:test")

    async with following(database, settings):
        await wait_until_applied(database)
        found = await verify(database, EFFECTS)

    assert done.compacted >= 40
    assert (found.is_complete, found.differences) == (True, [])
    recovered = [each for each in await history_of(database) if each["operation"] == "recovered"]
    assert [each["user_id"] for each in recovered] == [users[1]["_id"]]


async def test_worker_compacts_as_the_settings_say(database: Database, settings: Settings) -> None:
    await changed_users(database)

    off = await keep_history_compact(database, settings)
    on = await keep_history_compact(database, settings.model_copy(update={"history_compact_after_days": 1}))

    assert off == 0
    assert on >= 33
    assert await compacted_through(database) == 40


async def test_status_tells_size_and_progress(database: Database) -> None:
    await changed_users(database)
    horizon = await read_horizon(database)
    limit = NOON + timedelta(minutes=30)

    before = await history_status(database, horizon, older_than=limit)
    done = await compact(database, order(older_than=limit, seq=40))
    after = await history_status(database, horizon, older_than=limit)

    assert (before.rows, before.oldest_at, before.compacted) == (40, NOON + timedelta(minutes=1), 0)
    assert before.waiting == 30
    assert (after.waiting, after.compacted) == (1, done.compacted)
    assert after.saved_bytes == done.bytes_before - done.bytes_after
    assert after.bytes_per_row < before.bytes_per_row
    assert (await history_status(database, horizon, older_than=None)).waiting is None
