"""Workers and listeners that are killed, and an endpoint that fails: no event is lost or reordered."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from redis.asyncio import Redis

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.outbox.destinations import last_number
from tests.chaos.programs import Program, program
from tests.chaos.scale import SEED, scaled
from tests.http_service import Answer, HttpService, Request
from tests.listening import make_user
from tests.receiving import TAKEN, events, is_drained, make_due, numbers, receiver, webhook
from tests.waiting import PATIENCE_S, until

KILLS = int(scaled(bounded=1, full=12))
USERS = int(scaled(bounded=10, full=100))
# Between two kills.
CHANGES = int(scaled(bounded=30, full=300))
LISTENER = ("-m", "workers.listener")
WORKER = ("-m", "arq", "workers.settings.WorkerSettings")
# A queue database for this test alone.
QUEUE_DATABASE = 11
EXAMPLE = Path(__file__).parents[1] / "integration" / "outbox" / "example_package"

pytestmark = [pytest.mark.chaos]


@pytest.fixture
async def local(settings: Settings) -> AsyncIterator[Settings]:
    address = f"{(settings.redis_url or '').rsplit('/', 1)[0]}/{QUEUE_DATABASE}"
    async with Redis.from_url(address) as queue:
        await queue.flushdb()
        yield settings.model_copy(
            update={"redis_url": address, "webhook_private_networks": ("127.0.0.0/8",), "outbox_lease_s": 2}
        )
        await queue.flushdb()


def _environment(journal: Path) -> Mapping[str, str]:
    return {
        "DOCUSTORE_WEBHOOK_PRIVATE_NETWORKS": '["127.0.0.0/8"]',
        "DOCUSTORE_OUTBOX_LEASE_S": "2",
        "DOCUSTORE_CHANGES_LEASE_S": "2",
        "DOCUSTORE_OUTBOX_STREAM_KEY": "changes",
        "PYTHONPATH": str(EXAMPLE),
        "EXAMPLE_JOURNAL": str(journal),
    }


async def test_every_event_arrives_in_order_after_kills(
    database: Database, local: Settings, tmp_path: Path
) -> None:
    """SIGKILL hits a worker while the endpoint has its request, and the listener while users change."""
    chance = random.Random(SEED)
    is_held, is_released = asyncio.Event(), asyncio.Event()
    is_released.set()
    failed: set[str] = set()
    users = [make_user() for _ in range(USERS)]

    async def hold(_: object) -> None:
        if not is_released.is_set():
            is_held.set()
            await is_released.wait()

    def answer(request: Request) -> Answer:
        """Fail at the first attempt at every fourth event."""
        number = request.headers["webhook-id"]
        if int(number) % 4 or number in failed:
            return TAKEN
        failed.add(number)
        return Answer(status=500)

    async def change_users() -> None:
        for _ in range(CHANGES):
            address = f"{chance.random()}@example.org"
            await database["users"].update_one({"_id": chance.choice(users)["_id"]}, {"$set": {"email": address}})

    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(receiver(answer, hold=hold))
        await webhook(database, local, service.url)
        journal = tmp_path / "journal"
        start = {"settings": local, "log": tmp_path / "log", "extra": _environment(journal)}
        listener = await stack.enter_async_context(program(*LISTENER, **start))  # type: ignore[arg-type]
        worker = await stack.enter_async_context(program(*WORKER, **start))  # type: ignore[arg-type]
        # The handler and the stream start when the worker has made their destinations.
        await until(lambda: _has_destinations(database, worker), what="the destinations")
        await wait_until_applied(database, timeout_s=PATIENCE_S)
        await database["users"].insert_many(users)
        for _ in range(KILLS):
            is_held.clear()
            is_released.clear()
            writer = asyncio.create_task(change_users())
            await until(lambda: _is_held(database, is_held), what="a request in flight")
            await asyncio.gather(worker.kill(), listener.kill())
            is_released.set()
            await writer
            listener = await stack.enter_async_context(program(*LISTENER, **start))  # type: ignore[arg-type]
            worker = await stack.enter_async_context(program(*WORKER, **start))  # type: ignore[arg-type]
        await wait_until_applied(database, timeout_s=PATIENCE_S)
        await until(lambda: _is_delivered(database, worker), what="all deliveries")

    seq = await last_number(database)
    assert set(numbers(service)) == set(range(1, seq + 1))
    _assert_ordered([(event["data"]["user_id"], event["data"]["number"]) for event in events(service)])
    _assert_same_messages(service)
    called = [(user, int(number)) for user, number in (line.split() for line in journal.read_text().splitlines())]
    assert {number for _, number in called} == set(range(1, seq + 1))
    _assert_ordered(called)
    async with Redis.from_url(local.redis_url or "") as valkey:
        assert [entry_id for entry_id, _ in await valkey.xrange("changes")] == [
            f"{number}-0".encode() for number in range(1, seq + 1)
        ]
    assert await database["outbox"].count_documents({"state": "failed"}) == 0


async def _has_destinations(database: Database, worker: Program) -> bool:
    assert worker.is_running, worker.output
    return await database["outbox_destinations"].count_documents({}) == 3


async def _is_held(database: Database, is_held: asyncio.Event) -> bool:
    """Tell whether the endpoint holds a request; no wait of minutes delays it."""
    await make_due(database)
    return is_held.is_set()


async def _is_delivered(database: Database, worker: Program) -> bool:
    assert worker.is_running, worker.output
    await make_due(database)
    return await is_drained(database)


def _assert_ordered(received: list[tuple[str, int]]) -> None:
    """Repetitions aside, the numbers of each user grow."""
    by_user: dict[str, list[int]] = defaultdict(list)
    for user, number in received:
        by_user[user].append(number)
    for of_user in by_user.values():
        first_times = list(dict.fromkeys(of_user))
        assert first_times == sorted(first_times)


def _assert_same_messages(service: HttpService) -> None:
    bodies: dict[int, bytes] = {}
    for number, request in zip(numbers(service), service.requests, strict=True):
        assert bodies.setdefault(number, request.body) == request.body
