"""An older store is upgraded while the service runs and the runner is killed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from redis.asyncio import Redis

from docustore.analytics.reconcile import reconcile
from docustore.changes.status import wait_until_applied
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.embedded.ports import settled_port
from docustore.etl.models import EtlRun, RunOptions, RunState, RunTrigger
from docustore.etl.schedule import create_run
from docustore.migrations.lease import LEASE_ID
from docustore.migrations.ledger import SCHEMA_MIGRATIONS, Record, State, read_records
from docustore.migrations.registry import MIGRATIONS
from tests.chaos.programs import LISTENER, WORKER, program
from tests.integration.migrations.old_store import old_files, restore
from tests.waiting import until

pytestmark = [pytest.mark.chaos]

ALL_NUMBERS = tuple(migration.number for migration in MIGRATIONS)
KEY = "dsk_tests_only"
HEADERS = {"Authorization": f"Bearer {KEY}", "If-Match": "*", "Content-Type": "application/merge-patch+json"}
# A queue database for these tests alone; Valkey has sixteen.
QUEUE_DATABASE = 10
# Slow enough that each kill finds the runner in the middle, whatever the machine.
MIGRATE = ("-m", "docustore", "migrate", "up", "--max-per-s", "150")
MIGRATE_FAST = ("-m", "docustore", "migrate", "up")
KILLED_BEYOND = (150, 600, 1050)
MIGRATED_USERS = 1800


@pytest.fixture
async def service_settings(settings: Settings) -> AsyncIterator[Settings]:
    address = f"{(settings.redis_url or '').rsplit('/', 1)[0]}/{QUEUE_DATABASE}"
    async with Redis.from_url(address) as queue:
        await queue.flushdb()
        yield settings.model_copy(update={"redis_url": address})
        await queue.flushdb()


@asynccontextmanager
async def service(settings: Settings, folder: Path, files: dict[str, Path]) -> AsyncIterator[httpx2.AsyncClient]:
    """Run API, worker and listener as processes; yield a client of the API."""
    port = settled_port(0, host="127.0.0.1")
    sources = {
        name: {"kind": "file", "url": str(path), "required": ["email"], "schedule": "off"}
        for name, path in files.items()
    }
    extra = {"DOCUSTORE_PORT": str(port), "DOCUSTORE_ADMIN_KEY": KEY, "DOCUSTORE_SOURCES": json.dumps(sources)}
    commands = {
        "api": ("-m", "docustore.api.server"),
        "worker": WORKER,
        "listener": LISTENER,
    }
    async with AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(
                program(*command, settings=settings, log=folder / f"{name}.log", extra=extra)
            )
            for name, command in commands.items()
        ]
        client = await stack.enter_async_context(
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=HEADERS, trust_env=False, timeout=60.0)
        )

        async def is_ready() -> bool:
            for one in running:
                assert one.is_running, one.output
            try:
                return (await client.get("/health/ready")).status_code == 200
            except httpx2.TransportError:
                return False

        await until(is_ready, what="a ready service")
        yield client


class Writer:
    """A client of the API that edits users of the old store, one after another."""

    def __init__(self, api: httpx2.AsyncClient, ids: list[Any]) -> None:
        self._api = api
        self._ids = ids
        self.edited: dict[Any, str] = {}
        self.is_done = False

    async def write(self) -> None:
        for number, user_id in enumerate(self._ids):
            if self.is_done:
                return
            place = f"place {number}"
            answer = await self._api.patch(f"/users/{user_id}", json={"profile": {"location": place}})
            assert answer.status_code == 200, answer.text
            self.edited[user_id] = place
            await asyncio.sleep(0.05)  # a steady load that leaves time for other processes


async def digests(database: Database) -> Record | None:
    return (await read_records(database)).get(2)


async def killed_beyond(database: Database, settings: Settings, log: Path, *, read: int) -> None:
    async def is_beyond() -> bool:
        assert runner.is_running, runner.output
        record = await digests(database)
        return record is not None and record.counts.read > read

    async with program(*MIGRATE, settings=settings, log=log) as runner:
        await until(is_beyond, what=f"{read} users")
        await runner.kill()
    await end_lease(database)
    record = await digests(database)
    assert record is not None
    assert record.state is State.APPLYING


async def end_lease(database: Database) -> None:
    """Let the time of a killed runner's lease pass; another test waits for it.

    Its open transaction holds the lease; a take-over would end it too.
    """
    lease = await database[SCHEMA_MIGRATIONS].find_one({"_id": LEASE_ID})
    assert lease is not None
    await database.client.admin.command({"killSessions": [lease["session"]]})
    await database[SCHEMA_MIGRATIONS].update_one({"_id": LEASE_ID}, [{"$set": {"lease_expires_at": "$$NOW"}}])


async def run_to_end(settings: Settings, log: Path) -> None:
    async with program(*MIGRATE_FAST, settings=settings, log=log) as runner:
        assert await runner.wait() == 0, runner.output


async def load(name: str) -> EtlRun:
    """Let the worker load a source; return the finished run."""
    created = await create_run(name, trigger=RunTrigger.API, options=RunOptions(full=True), now=now_utc())

    async def is_finished() -> bool:
        run = await EtlRun.get(created.id)
        return run is not None and run.finished_at is not None

    await until(is_finished, what=f"the run of {name}")
    run = await EtlRun.get(created.id)
    assert run is not None
    assert run.state is RunState.SUCCEEDED, run.error
    assert run.counts.is_balanced
    return run


async def last_states(database: Database) -> dict[Any, Any]:
    states = {}
    async for row in database["user_history"].find().sort("_id", 1):
        states[row["user_id"]] = row["after"]
    return {user_id: state for user_id, state in states.items() if state is not None}


async def test_upgrade_beside_writers_survives_three_kills(
    database: Database, service_settings: Settings, tmp_path: Path
) -> None:
    settings, log = service_settings, tmp_path / "migrate.log"
    await restore(database)
    files = old_files(tmp_path)
    loaded = await database["users"].find({"updated_by": "etl:crm", "deleted_at": None}, {"_id": 1}).to_list()
    rows_before = await database["user_history"].count_documents({})

    async with service(settings, tmp_path, files) as api:
        writer = Writer(api, [user["_id"] for user in loaded[::3]])
        writing = asyncio.create_task(writer.write())
        for read in KILLED_BEYOND:
            await killed_beyond(database, settings, log, read=read)
        await run_to_end(settings, log)
        writer.is_done = True
        await writing
        runs = [await load(name) for name in ("hr", "crm")]
        await wait_until_applied(database)

    # Writes went on, and none is lost.
    assert len(writer.edited) > 10
    for user_id, place in writer.edited.items():
        user = await database["users"].find_one({"_id": user_id})
        assert user is not None
        assert user["profile"]["location"] == place
    # Every user has the new shape, once; the killed batches count once.
    records = await read_records(database)
    assert {number: record.state for number, record in records.items()} == dict.fromkeys(
        ALL_NUMBERS, State.APPLIED
    )
    assert records[2].starts == 1 + len(KILLED_BEYOND)
    assert records[2].counts.changed > MIGRATED_USERS
    assert await database["users"].count_documents({"identities.hash": {"$regex": "^[0-9a-f]{24}$"}}) == 0
    # History names the cause of each, once.
    for number in (2, 3, 5):
        rows = await database["user_history"].find({"source": f"migration:000{number}"}).to_list()
        assert len(rows) == records[number].counts.changed
        assert len({row["user_id"] for row in rows}) == len(rows)
    # Every change is one row, and the last rows are the users.
    rows = await database["user_history"].find({}, {"_id": 1}).sort("_id", 1).to_list()
    assert [row["_id"] for row in rows] == list(range(1, len(rows) + 1))
    migrated = sum(records[number].counts.changed for number in (2, 3, 5))
    assert len(rows) == rows_before + migrated + len(writer.edited)
    users = {user["_id"]: user async for user in database["users"].find({}, {"password_hash": 0})}
    assert await last_states(database) == users
    difference = await reconcile(database)
    assert difference.is_empty, difference
    # The same files, in another order, wrote nothing.
    assert [(run.counts.inserted, run.counts.updated, run.counts.deactivated) for run in runs] == [(0, 0, 0)] * 2


async def test_second_runner_takes_over_from_a_suspended_one(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    """A process that was paused for longer than its lease writes nothing more."""
    await restore(database)
    log = tmp_path / "migrate.log"
    async with program(*MIGRATE, settings=settings, log=log) as paused:

        async def has_begun() -> bool:
            record = await digests(database)
            return record is not None and record.counts.read > 0

        await until(has_begun, what="the first batch")
        paused.suspend()
        async with program(*MIGRATE_FAST, settings=settings, log=tmp_path / "second.log") as second:
            assert await second.wait() == 0, second.output
        before = await database["users"].find().sort("_id", 1).to_list()
        paused.resume()
        assert await paused.wait() == 1
    assert "another process migrates this store" in paused.output
    assert await database["users"].find().sort("_id", 1).to_list() == before
