"""The rows of the outbox: written with the change, for those who want it."""

import asyncio
from contextlib import suppress

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import NotFoundError
from docustore.outbox.destinations import last_number, set_enabled
from docustore.webhooks.service import delete_webhook, enable_webhook
from docustore.webhooks.store import destination_of
from tests.integration.changes.test_lost_position import _lose_position as lose_position
from tests.listening import assert_consistent, following, make_user
from tests.receiving import webhook

URL = "http://127.0.0.1:9/hook"


async def _numbers(database: Database, webhook_id: str) -> list[int]:
    rows = database["outbox"].find({"destination": destination_of(webhook_id)}, sort=[("number", 1)])
    return [row["number"] async for row in rows]


async def test_without_destinations_no_row_is_written(database: Database, settings: Settings) -> None:
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_many([make_user() for _ in range(3)])
        await wait_until_applied(database)

    assert await database["outbox"].find_one() is None


async def test_one_row_per_change_and_destination(database: Database, local: Settings) -> None:
    everything, _ = await webhook(database, local, URL)
    inserts, _ = await webhook(database, local, URL, operations=["insert"])
    by_field, _ = await webhook(database, local, URL, operations=["update"], fields=["status"])
    ada, bob = make_user(), make_user()

    async with following(database, local):
        await wait_until_applied(database)
        await database["users"].insert_one(ada)
        await database["users"].insert_one(bob)
        await database["users"].update_one({"_id": ada["_id"]}, {"$set": {"first_name": "Augusta"}})
        await database["users"].update_one({"_id": bob["_id"]}, {"$set": {"status": "inactive"}})
        await database["users"].delete_one({"_id": ada["_id"]})
        await wait_until_applied(database)

    assert await _numbers(database, everything) == [1, 2, 3, 4, 5]
    assert await _numbers(database, inserts) == [1, 2]
    assert await _numbers(database, by_field) == [4]


async def test_destinations_are_read_once_until_they_change(database: Database, local: Settings) -> None:
    """A change by hand has no mark; the next command has one, and then all of them are read."""
    first, _ = await webhook(database, local, URL)
    async with following(database, local):
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        await database["outbox_destinations"].update_many({}, {"$set": {"operations": ["delete"]}})
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        second, _ = await webhook(database, local, URL)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)

    assert await _numbers(database, first) == [1, 2]
    assert await _numbers(database, second) == [3]


async def test_start_is_exact_while_users_change(database: Database, local: Settings) -> None:
    """A batch is before or after the command: no change is missed or told twice."""

    async def change_users() -> None:
        for _ in range(40):
            await database["users"].insert_many([make_user() for _ in range(5)])

    async with following(database, local):
        await wait_until_applied(database)
        writer = asyncio.create_task(change_users())
        ids = [(await webhook(database, local, URL))[0] for _ in range(3)]
        await enable_webhook(database, ids[0], is_enabled=False, actor="cli:ada")
        await writer
        await wait_until_applied(database)

    seq = await last_number(database)
    for webhook_id in ids:
        destination = await database["outbox_destinations"].find_one({"_id": destination_of(webhook_id)})
        assert destination is not None
        end = destination["disabled"]["seq"] if destination["disabled"] else seq
        assert await _numbers(database, webhook_id) == list(range(destination["start_after"] + 1, end + 1))
    await assert_consistent(database)


async def test_deleted_webhook_leaves_no_rows(database: Database, local: Settings) -> None:
    webhook_id, _ = await webhook(database, local, URL)
    other, _ = await webhook(database, local, URL)

    async with following(database, local):
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        await delete_webhook(database, webhook_id, actor="cli:ada")
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)

    assert await _numbers(database, webhook_id) == []
    assert await _numbers(database, other) == [1, 2]
    with suppress(NotFoundError):
        await set_enabled(database, destination_of(webhook_id), is_enabled=True, actor="cli:ada")
        raise AssertionError("a deleted webhook cannot be enabled")


async def test_users_that_were_there_are_no_event(database: Database, local: Settings) -> None:
    """The first snapshot writes a row of history for each; they were there before."""
    await database["users"].insert_many([make_user() for _ in range(3)])
    webhook_id, _ = await webhook(database, local, URL)

    async with following(database, local):
        await wait_until_applied(database)

    assert await last_number(database) == 3
    assert await _numbers(database, webhook_id) == []


async def test_change_found_after_a_lost_position_is_told(database: Database, local: Settings) -> None:
    async with following(database, local):
        await wait_until_applied(database)
        user = make_user()
        await database["users"].insert_one(user)
        await database["users"].update_one({"_id": user["_id"]}, {"$set": {"tags": ["x"]}})
        await wait_until_applied(database)
    webhook_id, _ = await webhook(database, local, URL)
    await database["users"].insert_one(make_user())
    await database["users"].update_one({"_id": user["_id"]}, {"$set": {"tags": ["y"]}})
    await lose_position(database)

    async with following(database, local):
        await wait_until_applied(database)

    rows = (
        await database["outbox"].find({"destination": destination_of(webhook_id)}, sort=[("number", 1)]).to_list()
    )
    history = [await database["user_history"].find_one({"_id": row["number"]}) for row in rows]
    assert [row and row["operation"] for row in history] == ["recovered", "recovered"]
    assert sorted(row["kind"] for row in rows) == ["insert", "update"]
