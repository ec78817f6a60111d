"""A webhook gets the changes of the past on request, under stable ids."""

from datetime import timedelta

import pytest

from docustore.changes.status import wait_until_applied
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import InvalidInputError
from docustore.history.compaction import Order, compact
from docustore.webhooks.service import (
    enable_webhook,
    replay_delivery,
    replay_range,
)
from tests.integration.outbox.webhook_steps import assert_ordered_per_user, change_users, has_told, one_event
from tests.listening import following, make_user
from tests.receiving import delivering, events, numbers, receiver, webhook
from tests.waiting import until


async def test_missed_changes_are_told_on_request(database: Database, local: Settings) -> None:
    async with receiver() as service, following(database, local):
        await wait_until_applied(database)
        webhook_id, _ = await webhook(database, local, service.url)
        await enable_webhook(database, webhook_id, is_enabled=False, actor="cli:ada")
        await change_users(database, [make_user()], rounds=2)
        await enable_webhook(database, webhook_id, is_enabled=True, actor="cli:ada", replay=True)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        async with delivering(database, local):
            await until(lambda: has_told(database, 4), what="all deliveries")

    assert set(numbers(service)) == {1, 2, 3, 4}
    assert_ordered_per_user(service)


async def test_new_webhook_may_start_in_the_past(database: Database, local: Settings) -> None:
    async with receiver() as service, following(database, local):
        await wait_until_applied(database)
        users = [make_user() for _ in range(2)]
        await change_users(database, users, rounds=1)
        await database["users"].update_one({"_id": users[0]["_id"]}, {"$set": {"deleted_at": now_utc()}})
        await database["users"].delete_one({"_id": users[0]["_id"]})
        await database["users"].delete_one({"_id": users[1]["_id"]})
        await wait_until_applied(database)
        await webhook(database, local, service.url, since=1)
        async with delivering(database, local):
            await until(lambda: has_told(database, 5), what="the past")

    told = {event["data"]["number"]: event["data"]["operation"] for event in events(service)}
    assert told == {2: "insert", 3: "update", 4: "update", 5: "delete", 7: "delete"}
    assert_ordered_per_user(service)


async def test_start_before_history_is_refused(database: Database, local: Settings) -> None:
    async with receiver() as service:
        await one_event(database, local, service)
        await database["user_history"].delete_many({})
        await database["user_history"].insert_one({"_id": 10})

        with pytest.raises(InvalidInputError, match="begins with number 10"):
            await webhook(database, local, service.url, since=5)


async def test_range_that_ends_before_it_begins_is_refused(database: Database, local: Settings) -> None:
    async with receiver() as service:
        webhook_id, _ = await webhook(database, local, service.url)

        with pytest.raises(InvalidInputError, match="must be greater than `since`, which is 3"):
            await replay_range(database, webhook_id, since=3, until=3, actor="cli:ada")


async def test_replay_repeats_the_same_messages(database: Database, local: Settings) -> None:
    """Also where history has compacted the states meanwhile."""
    async with receiver() as service, following(database, local):
        await wait_until_applied(database)
        webhook_id, _ = await webhook(database, local, service.url)
        await change_users(database, [make_user()], rounds=2)
        async with delivering(database, local):
            await until(lambda: has_told(database, 3), what="the first time")
            await compact(database, Order(older_than=now_utc() + timedelta(days=1), seq=3))
            await replay_range(database, webhook_id, since=1, until=3, actor="cli:ada")
            await until(lambda: has_told(database, 5), what="the range")
            await replay_delivery(database, webhook_id, 1, actor="cli:ada")
            await until(lambda: has_told(database, 6), what="one event")

    assert numbers(service) == [1, 2, 3, 2, 3, 1]
    bodies = {number: set() for number in (1, 2, 3)}  # type: dict[int, set[bytes]]
    for number, request in zip(numbers(service), service.requests, strict=True):
        bodies[number].add(request.body)
    assert all(len(same) == 1 for same in bodies.values())
