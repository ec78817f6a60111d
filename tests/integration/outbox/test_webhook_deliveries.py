"""Webhooks get every event, in order per user, under stable ids."""

import asyncio
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from docustore.changes.status import wait_until_applied
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import InvalidInputError
from docustore.outbox.rows import begin
from docustore.webhooks.service import (
    enable_webhook,
    replay_delivery,
    rotate_secret,
    send_test_message,
)
from docustore.webhooks.store import destination_of
from tests.http_service import Answer, Request
from tests.integration.outbox.webhook_steps import (
    assert_ordered_per_user,
    change_users,
    has_told,
    one_event,
    only_destination,
)
from tests.listening import following, make_user
from tests.receiving import TAKEN, delivering, events, is_drained, make_due, numbers, receiver, webhook
from tests.waiting import until

DOWN = Answer(status=503)
REFUSED = Answer(status=422)


async def test_signed_events_arrive_in_order(database: Database, local: Settings) -> None:
    async with receiver() as service, following(database, local):
        await wait_until_applied(database)
        _, secret = await webhook(database, local, service.url)
        await change_users(database, [make_user() for _ in range(5)], rounds=2)
        async with delivering(database, local):
            await until(lambda: is_drained(database), what="all deliveries")

    assert sorted(numbers(service)) == list(range(1, 16))
    assert_ordered_per_user(service)
    for request in service.requests:
        Webhook(secret).verify(request.body, dict(request.headers))
    assert {event["type"] for event in events(service)} == {"user.created", "user.updated"}
    counts = await only_destination(database)
    assert (counts["delivered"], counts["failed"]) == (15, 0)


async def test_failed_event_holds_only_its_user(database: Database, local: Settings) -> None:
    ada, bob = make_user(), make_user()

    def answer(request: Request) -> Answer:
        return REFUSED if str(ada["_id"]).encode() in request.body else TAKEN

    async with receiver(answer) as service, following(database, local):
        await wait_until_applied(database)
        await webhook(database, local, service.url)
        await change_users(database, [ada, bob], rounds=2)
        async with delivering(database, local):
            await until(lambda: _is_delivered(database, 3), what="the events of the other user")

    of_ada = [event for event in events(service) if event["data"]["user_id"] == str(ada["_id"])]
    assert [event["data"]["number"] for event in of_ada] == [1], "the later ones wait for the first"
    [first] = await database["outbox"].find({"number": 1}).to_list()
    assert (first["state"], first["attempts"], first["last"]["status"]) == ("pending", 1, 422)
    assert timedelta(seconds=3) < first["due_at"] - now_utc() < timedelta(seconds=6)


async def _is_delivered(database: Database, count: int) -> bool:
    return await database["outbox"].count_documents({"state": "delivered"}) >= count


async def test_endpoint_that_is_down_gets_all_later(database: Database, local: Settings) -> None:
    """It is asked with one event at a time, and nothing is lost or reordered."""
    is_down = True

    def answer(_: Request) -> Answer:
        return DOWN if is_down else TAKEN

    async with receiver(answer) as service, following(database, local):
        await wait_until_applied(database)
        await webhook(database, local, service.url)
        await change_users(database, [make_user() for _ in range(5)], rounds=1)
        async with delivering(database, local):
            await until(lambda: _has_failures(database, 1), what="a rest")
            asked_while_down = len(service.requests)
            is_down = False
            await make_due(database)
            await until(lambda: is_drained(database), what="all deliveries")

    assert asked_while_down <= 6, "at most one event for each user before the first answer, then one for each rest"
    assert set(numbers(service)) == set(range(1, 11))
    assert_ordered_per_user(service)
    after = await only_destination(database)
    assert (after["failures"], after["failing_since"], after["last_error"]) == (0, None, None)


async def _has_failures(database: Database, count: int) -> bool:
    return (await only_destination(database))["failures"] >= count


async def test_retry_after_is_honoured(database: Database, local: Settings) -> None:
    async with receiver(lambda _: Answer(status=429, headers={"retry-after": "600"})) as service:
        await one_event(database, local, service)
        async with delivering(database, local):
            await until(lambda: _has_failures(database, 1), what="the rest")

    rests = (await only_destination(database))["blocked_until"] - now_utc()
    assert timedelta(minutes=9) < rests < timedelta(minutes=12)


async def test_gone_disables_the_webhook(database: Database, local: Settings) -> None:
    async with receiver(lambda _: Answer(status=410)) as service:
        webhook_id = await one_event(database, local, service)
        async with delivering(database, local):
            await until(lambda: _is_disabled(database), what="the end of the webhook")

    destination = await only_destination(database)
    assert (destination["disabled"]["reason"], len(service.requests)) == ("gone", 1)
    actions = [entry["action"] async for entry in database["audit_log"].find(sort=[("at", 1)])]
    assert actions == ["webhook.create", "destination.disable"]
    async with receiver(port=service.port) as well, delivering(database, local):
        await enable_webhook(database, webhook_id, is_enabled=True, actor="cli:ada")
        await make_due(database)
        await until(lambda: is_drained(database), what="the pending event")
    assert numbers(well) == [1]


async def _is_disabled(database: Database) -> bool:
    return not (await only_destination(database))["is_enabled"]


async def test_event_is_given_up_after_ten_attempts(database: Database, local: Settings) -> None:
    ada = make_user()
    async with receiver(lambda r: REFUSED if b'"number":1,' in r.body else TAKEN) as service:
        async with following(database, local):
            await wait_until_applied(database)
            webhook_id, _ = await webhook(database, local, service.url)
            await change_users(database, [ada], rounds=1)
        await database["outbox"].update_one({"number": 1}, {"$set": {"attempts": 9}})
        async with delivering(database, local):
            await until(lambda: is_drained(database), what="the last attempt")
            assert numbers(service) == [1, 2], "the next event of the user follows"
            await replay_delivery(database, webhook_id, 1, actor="cli:ada")
            await until(lambda: _has_attempts(database, 1), what="the replay")

    assert (await only_destination(database))["failed"] == 1


async def _has_attempts(database: Database, count: int) -> bool:
    row = await database["outbox"].find_one({"number": 1})
    return row is not None and row["attempts"] >= count


async def test_two_workers_deliver_each_event_once(database: Database, local: Settings) -> None:
    async with receiver() as service, following(database, local):
        await wait_until_applied(database)
        await webhook(database, local, service.url)
        async with delivering(database, local, owner="one"), delivering(database, local, owner="two"):
            await change_users(database, [make_user() for _ in range(10)], rounds=2)
            await until(lambda: has_told(database, 30), what="all deliveries")

    assert sorted(numbers(service)) == list(range(1, 31))
    assert_ordered_per_user(service)


async def test_older_fence_begins_nothing(database: Database, local: Settings) -> None:
    """A worker that was suspended wakes up after its successor."""
    async with receiver() as service:
        await one_event(database, local, service)
    [row] = await database["outbox"].find().to_list()

    successor, suspended = await begin(database, [row], fence=8), await begin(database, [row], fence=7)

    assert (successor, suspended) == (True, False)


async def test_slow_endpoint_holds_up_no_other(database: Database, local: Settings) -> None:
    is_over = asyncio.Event()

    async def hold(_: object) -> None:
        await is_over.wait()

    async with receiver(hold=hold) as slow, receiver() as quick, following(database, local):
        await wait_until_applied(database)
        await webhook(database, local, slow.url)
        await webhook(database, local, quick.url)
        async with delivering(database, local):
            await change_users(database, [make_user() for _ in range(3)])
            await until(lambda: _is_delivered(database, 6), what="the events of the quick endpoint")
            received = len(quick.requests)
            is_over.set()
            await until(lambda: is_drained(database), what="those of the slow one")

    assert received == 6
    assert set(numbers(slow)) == set(range(1, 7))


async def test_redirect_is_not_followed(database: Database, local: Settings) -> None:
    async with receiver() as secret_server:
        moved = Answer(status=302, headers={"location": secret_server.url})
        async with receiver(lambda _: moved) as service:
            webhook_id = await one_event(database, local, service)
            result = await send_test_message(database, local, webhook_id, actor="cli:ada")

    assert result.error == "status 302: redirects are not followed"
    assert secret_server.requests == []


async def test_private_address_is_refused(database: Database, settings: Settings, local: Settings) -> None:
    """At creation, and at each connection: the setting may have changed."""
    async with receiver() as service:
        with pytest.raises(InvalidInputError, match="DOCUSTORE_WEBHOOK_PRIVATE_NETWORKS"):
            await webhook(database, settings, service.url)
        webhook_id, _ = await webhook(database, local, service.url)
        result = await send_test_message(database, settings, webhook_id, actor="cli:ada")

    assert "no public address" in str(result.error)
    assert service.requests == []


async def test_rotation_signs_with_both_secrets(database: Database, local: Settings) -> None:
    async with receiver() as service:
        webhook_id, old = await webhook(database, local, service.url)
        new, _ = await rotate_secret(database, webhook_id, overlap=timedelta(hours=1), actor="cli:ada")
        await send_test_message(database, local, webhook_id, actor="cli:ada")
        newest, _ = await rotate_secret(database, webhook_id, overlap=timedelta(), actor="cli:ada")
        await send_test_message(database, local, webhook_id, actor="cli:ada")

    during, after = service.requests
    assert all(Webhook(secret).verify(during.body, dict(during.headers)) for secret in (old, new))
    assert after.headers["webhook-signature"].count("v1,") == 1
    Webhook(newest).verify(after.body, dict(after.headers))


async def test_lease_of_a_clock_that_was_ahead_is_taken(database: Database, local: Settings) -> None:
    """MongoDB's clock jumps back an hour after a worker died: the others deliver at once."""
    async with receiver() as service:
        name = destination_of(await one_event(database, local, service))
        dead = {"owner": "dead", "lease_expires_at": now_utc() + timedelta(hours=1)}
        await database["outbox_destinations"].update_one({"_id": name}, {"$set": dead})
        async with delivering(database, local):
            await until(lambda: is_drained(database), what="the take-over")

    assert numbers(service) == [1]


async def test_lease_of_a_dead_worker_expires(database: Database, local: Settings) -> None:
    async with receiver() as service:
        webhook_id = await one_event(database, local, service)
        name = destination_of(webhook_id)
        soon = now_utc() + timedelta(seconds=1)
        dead = {"owner": "dead", "lease_expires_at": soon}
        await database["outbox_destinations"].update_one({"_id": name}, {"$set": dead})
        async with delivering(database, local):
            await until(lambda: is_drained(database), what="the take-over")
            done = now_utc()

    assert done >= soon
    assert numbers(service) == [1]
