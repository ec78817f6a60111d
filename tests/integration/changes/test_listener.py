"""Every change of a user is one row of history and one move of the marts."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from docustore.analytics.marts import read_marts
from docustore.changes.status import change_status, wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from tests.listening import assert_consistent, following, history_of, make_user
from tests.waiting import until


async def test_every_kind_of_change_is_one_row(database: Database, settings: Settings) -> None:
    user = make_user()
    key = {"_id": user["_id"]}
    users = database["users"]

    async with following(database, settings):
        await wait_until_applied(database)
        await users.insert_one(dict(user))
        await users.update_one(
            key, {"$set": {"status": "inactive", "updated_by": "api:k"}, "$inc": {"version": 1}}
        )
        await users.update_one(key, {"$set": {"profile.bio": "x"}, "$inc": {"version": 1}})
        await users.replace_one(key, user | {"version": 4, "updated_by": "etl:hr"})
        await users.delete_one(key)
        await wait_until_applied(database)

    rows = await history_of(database)
    assert [(row["operation"], row["source"]) for row in rows] == [
        ("insert", "etl:crm"),
        ("update", "api:k"),
        ("update", "api:k"),
        ("replace", "etl:hr"),
        ("delete", "external"),
    ]
    assert rows[1]["changes"] == {"status": {"before": "active", "after": "inactive"}}
    assert rows[2]["changes"] == {"profile": {"before": {"bio": None}, "after": {"bio": "x"}}}
    assert rows[4]["after"] is None
    await assert_consistent(database)


async def test_another_client_is_external(database: Database, settings: Settings) -> None:
    user = make_user()
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(user)
        await database["users"].update_one({"_id": user["_id"]}, {"$set": {"status": "suspended"}})
        await wait_until_applied(database)

    assert (await history_of(database))[-1]["source"] == "external"


async def test_password_hash_never_reaches_history(database: Database, settings: Settings) -> None:
    """Not by the snapshot, not in an image, not as a change."""
    user = make_user(password_hash="secret-1")
    key = {"_id": user["_id"]}
    await database["users"].insert_one(user)

    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].update_one(key, {"$set": {"password_hash": "secret-2"}, "$inc": {"version": 1}})
        await database["users"].replace_one(key, user | {"version": 3})
        await database["users"].delete_one(key)
        await wait_until_applied(database)

    rows = await history_of(database)
    assert len(rows) == 4
    assert "secret" not in repr(rows)
    assert "password_hash" not in repr(rows)


async def test_changes_of_one_transaction_are_all_there(database: Database, settings: Settings) -> None:
    """They are more than a batch holds, all at one cluster time."""
    small = settings.model_copy(update={"changes_batch_size": 3})
    async with following(database, small):
        async with database.client.start_session() as session, await session.start_transaction():
            for _ in range(10):
                await database["users"].insert_one(make_user(), session=session)
        await wait_until_applied(database)

    assert len(await history_of(database)) == 10
    await assert_consistent(database)


async def test_start_with_writers_running(database: Database, settings: Settings) -> None:
    """The snapshot and the stream meet at one instant.

    No change is lost or counted twice between them.
    """
    users = [make_user() for _ in range(3000)]
    await database["users"].insert_many(users)
    is_done = False

    async def write(part: int) -> None:
        for user in users[part::3]:
            if is_done:
                return
            key = {"_id": user["_id"]}
            if user["_id"].binary[-1] % 5 == 0:
                await database["users"].delete_one(key)
            else:
                await database["users"].update_one(key, {"$set": {"status": "inactive"}, "$inc": {"version": 1}})
            await database["users"].insert_one(make_user())

    async def has_met_all() -> bool:
        met = await database["user_history"].distinct("operation")
        return set(met) >= {"snapshot", "insert", "update", "delete"}

    async with asyncio.TaskGroup() as writers:
        for part in range(3):
            writers.create_task(write(part))
        async with following(database, settings):
            await until(has_met_all)
            is_done = True
    async with following(database, settings):
        await wait_until_applied(database)

    await assert_consistent(database)


async def test_start_on_an_empty_store_writes_no_row(database: Database, settings: Settings) -> None:
    async with following(database, settings):
        assert await wait_until_applied(database) == 0

    assert (await read_marts(database)).total == 0


async def test_interrupted_snapshot_starts_again(database: Database, settings: Settings) -> None:
    """Rows beyond the committed number are removed before the next attempt."""
    await database["users"].insert_many([make_user() for _ in range(3)])
    leftovers: list[dict[str, Any]] = [
        {"_id": n, "event_id": f"left:{n}", "user_id": ObjectId(), "after": {"version": 1}} for n in (1, 2, 3, 4)
    ]
    await database["user_history"].insert_many(leftovers)
    await database["change_positions"].insert_one(
        {"_id": "users", "seq": 0, "fence": 3, "applied": 0, "state": "snapshotting", "recoveries": 0}
    )

    async with following(database, settings):
        await wait_until_applied(database)

    assert [row["operation"] for row in await history_of(database)] == ["snapshot"] * 3
    await assert_consistent(database)


async def test_old_store_is_followed(database: Database, settings: Settings) -> None:
    """Stored documents may carry fields that docustore no longer writes."""
    await database["users"].insert_one(make_user())
    async with following(database, settings):
        await wait_until_applied(database)
    await database["change_positions"].update_one({"_id": "users"}, {"$set": {"applied": 1, "lag_ms": 12}})
    await database["user_stats"].update_one({"_id": "users"}, {"$set": {"seq": 1}})

    async with following(database, settings):
        await database["users"].insert_one(make_user())
        assert await wait_until_applied(database) == 2

    status = await change_status(database)
    assert (status.applied, status.snapshot_rows) == (1, 1)
    await assert_consistent(database)


async def test_idle_position_moves_on(database: Database, settings: Settings) -> None:
    """Otherwise the oplog of a quiet store rolls over its position."""
    quick = settings.model_copy(update={"changes_lease_s": 2})
    async with following(database, quick):
        await wait_until_applied(database)
        before = await database["change_positions"].find_one({"_id": "users"})
        assert before is not None

        async def has_moved() -> bool:
            await database["etl_sources"].update_one({"_id": "x"}, {"$inc": {"n": 1}}, upsert=True)
            position = await database["change_positions"].find_one({"_id": "users"})
            return position is not None and position["cluster_time"].time > before["cluster_time"].time

        await until(has_moved)

    assert await history_of(database) == []


async def test_large_user_passes(database: Database, settings: Settings) -> None:
    """An update of a 10 MB user needs 20 MB of images, too much for one event."""
    user = make_user()
    key = {"_id": user["_id"]}
    blob = "x" * 10_000_000

    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(user | {"blob": blob})
        await database["users"].update_one(key, {"$set": {"blob": blob[::-1] + "y"}, "$inc": {"version": 1}})
        await database["users"].update_one(key, {"$set": {"status": "suspended"}, "$inc": {"version": 1}})
        await database["users"].update_one(key, {"$unset": {"blob": 1}, "$inc": {"version": 1}})
        await wait_until_applied(database)

    rows = await history_of(database)
    assert len(rows) == 4
    assert rows[2]["changes"] == {"status": {"before": "active", "after": "suspended"}}
    await assert_consistent(database)


async def test_user_at_the_limit_passes_shortened(database: Database, settings: Settings) -> None:
    user = make_user(blob="x" * (16 * 1024 * 1024 - 2000))

    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(user)
        await database["users"].update_one({"_id": user["_id"]}, {"$set": {"status": "inactive"}})
        await wait_until_applied(database)

    rows = await history_of(database)
    assert [row["omitted"] for row in rows] == [["blob"], ["blob"]]
    assert rows[1]["changes"] == {"status": {"before": "active", "after": "inactive"}}
    assert (await read_marts(database)).by_status == {"inactive": 1}


async def test_status_of_a_listener_that_never_ran(database: Database) -> None:
    status = await change_status(database)

    assert (status.applied, status.lag_s, status.owner, status.is_caught_up) == (0, None, None, False)


async def test_status_reports_the_age_of_waiting_changes(database: Database, settings: Settings) -> None:
    async def is_caught_up() -> bool:
        return (await change_status(database)).is_caught_up

    async with following(database, settings):
        await until(is_caught_up)
        running = await change_status(database)
    await database["users"].insert_one(make_user())
    await database["users"].insert_one(make_user())

    stopped = await change_status(database)

    assert (running.lag_s, running.is_caught_up) == (0.0, True)
    assert running.owner is not None
    assert stopped.lag_s is not None
    assert 0 < stopped.lag_s < 60
    assert (stopped.owner, stopped.is_caught_up) == (None, False)


async def test_waiting_without_a_listener_times_out(database: Database) -> None:
    with pytest.raises(TimeoutError, match="is a listener running"):
        await wait_until_applied(database, timeout_s=0.1)


async def test_as_of_follows_the_clock_when_idle(database: Database, settings: Settings) -> None:
    async with following(database, settings):
        await wait_until_applied(database)
    stats = await database["user_stats"].find_one({"_id": "users"})

    assert stats is not None
    assert abs((datetime.now(UTC) - stats["as_of"]).total_seconds()) < 60
