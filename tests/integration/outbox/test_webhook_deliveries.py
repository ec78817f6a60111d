"""Webhooks get every event, in order per user, under stable ids."""

import asyncio
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from docustore.changes.status import wait_until_applied
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import InvalidInputError
from docustore.history.compaction import Order, compact
from docustore.outbox.rows import begin
from docustore.webhooks.service import (
    enable_webhook,
    replay_delivery,
    replay_range,
    rotate_secret,
    send_test_message,
)
from docustore.webhooks.store import destination_of
from tests.http_service import Answer, HttpService, Request
from tests.listening import listening, make_user
from tests.receiving import TAKEN, delivering, events, is_drained, make_due, numbers, receiver, webhook
from tests.waiting import until

DOWN = Answer(status=503)
REFUSED = Answer(status=422)


async def _change_users(database: Database, users: list[dict[str, Any]], *, rounds: int = 1) -> None:
    """Insert the users, then change each in every round."""
    await database["users"].insert_many(users)
    for number in range(rounds):
        for user in users:
            await database["users"].update_one({"_id": user["_id"]}, {"$set": {"tags": [f"round-{number}"]}})
    await wait_until_applied(database)


async def _destination(database: Database) -> dict[str, Any]:
    found = await database["outbox_destinations"].find_one()
    assert found is not None
    return found


def _assert_ordered_per_user(service: HttpService) -> None:
    """Repetitions aside, the numbers of each user grow."""
    by_user: dict[str, list[int]] = defaultdict(list)
    for event in events(service):
        by_user[event["data"]["user_id"]].append(event["data"]["number"])
    for received in by_user.values():
        first_times = list(dict.fromkeys(received))
        assert first_times == sorted(first_times)


async def test_signed_events_arrive_in_order(database: Database, local: Settings) -> None:
    async with receiver() as service, listening(database, local):
        await wait_until_applied(database)
        _, secret = await webhook(database, local, service.url)
        await _change_users(database, [make_user() for _ in range(5)], rounds=2)
        async with delivering(database, local):
            await until(lambda: is_drained(database), what="all deliveries")

    assert sorted(numbers(service)) == list(range(1, 16))
    _assert_ordered_per_user(service)
    for request in service.requests:
        Webhook(secret).verify(request.body, dict(request.headers))
    assert {event["type"] for event in events(service)} == {"user.created", "user.updated"}
    counts = await _destination(database)
    assert (counts["delivered"], counts["failed"]) == (15, 0)


async def test_failed_event_holds_only_its_user(database: Database, local: Settings) -> None:
    ada, bob = make_user(), make_user()

    def answer(request: Request) -> Answer:
        return REFUSED if str(ada["_id"]).encode() in request.body else TAKEN

    async with receiver(answer) as service, listening(database, local):
        await wait_until_applied(database)
        await webhook(database, local, service.url)
        await _change_users(database, [ada, bob], rounds=2)
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

    async with receiver(answer) as service, listening(database, local):
        await wait_until_applied(database)
        await webhook(database, local, service.url)
        await _change_users(database, [make_user() for _ in range(5)], rounds=1)
        async with delivering(database, local):
            await until(lambda: _has_failures(database, 1), what="a rest")
            asked_while_down = len(service.requests)
            is_down = False
            await make_due(database)
            await until(lambda: is_drained(database), what="all deliveries")

    assert asked_while_down <= 6, "at most one event for each user before the first answer, then one for each rest"
    assert set(numbers(service)) == set(range(1, 11))
    _assert_ordered_per_user(service)
    after = await _destination(database)
    assert (after["failures"], after["failing_since"], after["last_error"]) == (0, None, None)


async def _has_failures(database: Database, count: int) -> bool:
    return (await _destination(database))["failures"] >= count


async def test_retry_after_is_honoured(database: Database, local: Settings) -> None:
    async with receiver(lambda _: Answer(status=429, headers={"retry-after": "600"})) as service:
        await _one_event(database, local, service)
        async with delivering(database, local):
            await until(lambda: _has_failures(database, 1), what="the rest")

    rests = (await _destination(database))["blocked_until"] - now_utc()
    assert timedelta(minutes=9) < rests < timedelta(minutes=12)


async def _one_event(database: Database, local: Settings, service: HttpService, **filter_: Any) -> str:
    async with listening(database, local):
        await wait_until_applied(database)
        webhook_id, _ = await webhook(database, local, service.url, **filter_)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
    return webhook_id


async def test_gone_disables_the_webhook(database: Database, local: Settings) -> None:
    async with receiver(lambda _: Answer(status=410)) as service:
        webhook_id = await _one_event(database, local, service)
        async with delivering(database, local):
            await until(lambda: _is_disabled(database), what="the end of the webhook")

    destination = await _destination(database)
    assert (destination["disabled"]["reason"], len(service.requests)) == ("gone", 1)
    actions = [entry["action"] async for entry in database["audit_log"].find(sort=[("at", 1)])]
    assert actions == ["webhook.create", "destination.disable"]
    async with receiver(port=service.port) as well, delivering(database, local):
        await enable_webhook(database, webhook_id, is_enabled=True, actor="cli:ada")
        await make_due(database)
        await until(lambda: is_drained(database), what="the pending event")
    assert numbers(well) == [1]


async def _is_disabled(database: Database) -> bool:
    return not (await _destination(database))["is_enabled"]


async def test_missed_changes_are_told_on_request(database: Database, local: Settings) -> None:
    async with receiver() as service, listening(database, local):
        await wait_until_applied(database)
        webhook_id, _ = await webhook(database, local, service.url)
        await enable_webhook(database, webhook_id, is_enabled=False, actor="cli:ada")
        await _change_users(database, [make_user()], rounds=2)
        await enable_webhook(database, webhook_id, is_enabled=True, actor="cli:ada", replay=True)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        async with delivering(database, local):
            await until(lambda: _has_told(database, 4), what="all deliveries")

    assert set(numbers(service)) == {1, 2, 3, 4}
    _assert_ordered_per_user(service)


async def _has_told(database: Database, count: int) -> bool:
    destination = await _destination(database)
    return destination["fill"] is None and destination["delivered"] >= count


async def test_new_webhook_may_start_in_the_past(database: Database, local: Settings) -> None:
    async with receiver() as service, listening(database, local):
        await wait_until_applied(database)
        users = [make_user() for _ in range(2)]
        await _change_users(database, users, rounds=1)
        await database["users"].update_one({"_id": users[0]["_id"]}, {"$set": {"deleted_at": now_utc()}})
        await database["users"].delete_one({"_id": users[0]["_id"]})
        await database["users"].delete_one({"_id": users[1]["_id"]})
        await wait_until_applied(database)
        await webhook(database, local, service.url, since=1)
        async with delivering(database, local):
            await until(lambda: _has_told(database, 5), what="the past")

    told = {event["data"]["number"]: event["data"]["operation"] for event in events(service)}
    assert told == {2: "insert", 3: "update", 4: "update", 5: "delete", 7: "delete"}
    _assert_ordered_per_user(service)


async def test_start_before_history_is_refused(database: Database, local: Settings) -> None:
    async with receiver() as service:
        await _one_event(database, local, service)
        await database["user_history"].delete_many({})
        await database["user_history"].insert_one({"_id": 10})

        with pytest.raises(InvalidInputError, match="begins with number 10"):
            await webhook(database, local, service.url, since=5)


async def test_replay_repeats_the_same_messages(database: Database, local: Settings) -> None:
    """Also where history has compacted the states meanwhile."""
    async with receiver() as service, listening(database, local):
        await wait_until_applied(database)
        webhook_id, _ = await webhook(database, local, service.url)
        await _change_users(database, [make_user()], rounds=2)
        async with delivering(database, local):
            await until(lambda: _has_told(database, 3), what="the first time")
            await compact(database, Order(older_than=now_utc() + timedelta(days=1), seq=3))
            await replay_range(database, webhook_id, since=1, until=3, actor="cli:ada")
            await until(lambda: _has_told(database, 5), what="the range")
            await replay_delivery(database, webhook_id, 1, actor="cli:ada")
            await until(lambda: _has_told(database, 6), what="one event")

    assert numbers(service) == [1, 2, 3, 2, 3, 1]
    bodies = {number: set() for number in (1, 2, 3)}  # type: dict[int, set[bytes]]
    for number, request in zip(numbers(service), service.requests, strict=True):
        bodies[number].add(request.body)
    assert all(len(same) == 1 for same in bodies.values())


async def test_event_is_given_up_after_ten_attempts(database: Database, local: Settings) -> None:
    ada = make_user()
    async with receiver(lambda r: REFUSED if b'"number":1,' in r.body else TAKEN) as service:
        async with listening(database, local):
            await wait_until_applied(database)
            webhook_id, _ = await webhook(database, local, service.url)
            await _change_users(database, [ada], rounds=1)
        await database["outbox"].update_one({"number": 1}, {"$set": {"attempts": 9}})
        async with delivering(database, local):
            await until(lambda: is_drained(database), what="the last attempt")
            assert numbers(service) == [1, 2], "the next event of the user follows"
            await replay_delivery(database, webhook_id, 1, actor="cli:ada")
            await until(lambda: _has_attempts(database, 1), what="the replay")

    assert (await _destination(database))["failed"] == 1


async def _has_attempts(database: Database, count: int) -> bool:
    row = await database["outbox"].find_one({"number": 1})
    return row is not None and row["attempts"] >= count


async def test_two_workers_deliver_each_event_once(database: Database, local: Settings) -> None:
    async with receiver() as service, listening(database, local):
        await wait_until_applied(database)
        await webhook(database, local, service.url)
        async with delivering(database, local, owner="one"), delivering(database, local, owner="two"):
            await _change_users(database, [make_user() for _ in range(10)], rounds=2)
            await until(lambda: _has_told(database, 30), what="all deliveries")

    assert sorted(numbers(service)) == list(range(1, 31))
    _assert_ordered_per_user(service)


async def test_older_fence_begins_nothing(database: Database, local: Settings) -> None:
    """A worker that was suspended wakes up after its successor."""
    async with receiver() as service:
        await _one_event(database, local, service)
    [row] = await database["outbox"].find().to_list()

    successor, suspended = await begin(database, [row], fence=8), await begin(database, [row], fence=7)

    assert (successor, suspended) == (True, False)


async def test_slow_endpoint_holds_up_no_other(database: Database, local: Settings) -> None:
    is_over = asyncio.Event()

    async def hold(_: object) -> None:
        await is_over.wait()

    async with receiver(hold=hold) as slow, receiver() as quick, listening(database, local):
        await wait_until_applied(database)
        await webhook(database, local, slow.url)
        await webhook(database, local, quick.url)
        async with delivering(database, local):
            await _change_users(database, [make_user() for _ in range(3)])
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
            webhook_id = await _one_event(database, local, service)
            result = await send_test_message(database, local, webhook_id, actor="cli:ada")

    assert result.outcome.error == "status 302: redirects are not followed"
    assert secret_server.requests == []


async def test_private_address_is_refused(database: Database, settings: Settings, local: Settings) -> None:
    """At creation, and at each connection: the setting may have changed."""
    async with receiver() as service:
        with pytest.raises(InvalidInputError, match="DOCUSTORE_WEBHOOK_PRIVATE_NETWORKS"):
            await webhook(database, settings, service.url)
        webhook_id, _ = await webhook(database, local, service.url)
        result = await send_test_message(database, settings, webhook_id, actor="cli:ada")

    assert "no public address" in str(result.outcome.error)
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


async def test_lease_of_a_dead_worker_expires(database: Database, local: Settings) -> None:
    async with receiver() as service:
        webhook_id = await _one_event(database, local, service)
        name = destination_of(webhook_id)
        soon = now_utc() + timedelta(seconds=1)
        dead = {"owner": "dead", "lease_expires_at": soon}
        await database["outbox_destinations"].update_one({"_id": name}, {"$set": dead})
        async with delivering(database, local):
            await until(lambda: is_drained(database), what="the take-over")
            done = now_utc()

    assert done >= soon
    assert numbers(service) == [1]
