"""ETL workers that are killed, stopped, or run side by side."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from docustore.config import Settings
from docustore.database import Database
from docustore.etl.models import RUNS, EtlRun, RunOptions, RunState, RunTrigger
from docustore.etl.schedule import create_run
from tests.chaos.programs import WORKER, Program, program
from tests.chaos.scale import scaled
from tests.http_service import Answer, Query, http_service
from tests.waiting import until

USERS = int(scaled(bounded=10_000, full=100_000))
# The service holds its answers from here until the worker is dead, so that no machine is too fast for the test.
HELD_FROM = USERS * 6 // 10
# A job only starts a run. It was 12 hours when a job lasted as long as its run.
MAX_LOCK_S = 60
# A queue database for these tests alone; Valkey has sixteen.
QUEUE_DATABASE = 9

pytestmark = [pytest.mark.chaos]


@pytest.fixture
async def queue_settings(settings: Settings) -> AsyncIterator[Settings]:
    address = f"{(settings.redis_url or '').rsplit('/', 1)[0]}/{QUEUE_DATABASE}"
    async with Redis.from_url(address) as queue:
        await queue.flushdb()
        yield settings.model_copy(update={"redis_url": address})
        await queue.flushdb()


@pytest.fixture
def file_of_users(tmp_path: Path) -> Path:
    path = tmp_path / "users.ndjson"
    with path.open("w") as lines:
        lines.writelines(json.dumps(_user(number)) + "\n" for number in range(USERS))
    return path


def _environment(*, kind: str, url: str, schedule: str = "off", lease_s: int = 60) -> Mapping[str, str]:
    source = {"kind": kind, "url": url, "schedule": schedule}
    return {"DOCUSTORE_SOURCES": json.dumps({"crm": source}), "DOCUSTORE_ETL_LEASE_S": str(lease_s)}


async def _create_run() -> None:
    """Create a manual run: at a full hour, a schedule would create two."""
    await create_run("crm", trigger=RunTrigger.API, options=RunOptions(), now=datetime.now(UTC))


def _page_of_users(query: Query) -> Answer:
    start, limit = int(query.get("cursor", "0")), int(query["limit"])
    end = min(start + limit, USERS)
    users = [_user(number) for number in range(start, end)]
    return Answer({"users": users, "next_cursor": str(end) if end < USERS else None})


def _user(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "email": f"user{number}@example.org",
        "firstName": "User",
        "lastName": str(number),
        "modifiedAt": "2026-01-01T00:00:00Z",
    }


async def _longest_lock_s(settings: Settings) -> float:
    """Return how long arq's locks hold back the jobs of a dead worker."""
    async with Redis.from_url(settings.redis_url or "") as queue:
        return max([await queue.pttl(lock) / 1000 for lock in await queue.keys("arq:in-progress:*")], default=0)


async def _has_finished(worker: Program) -> bool:
    assert worker.is_running, worker.output
    run = await EtlRun.find_one()
    return run is not None and run.finished_at is not None


async def _is_lease_over(database: Database) -> bool:
    expired = {"state": RunState.RUNNING, "$expr": {"$lt": ["$lease_expires_at", "$$NOW"]}}
    return await database[RUNS].find_one(expired) is not None


async def _check_complete(database: Database, run: EtlRun) -> None:
    assert run.state is RunState.SUCCEEDED, run.error
    assert run.counts.is_balanced
    assert (run.counts.read, run.counts.inserted) == (USERS, USERS)
    assert await database.users.count_documents({}) == USERS
    assert await database.users.count_documents({"version": 1}) == USERS


async def test_killed_worker_s_run_is_resumed_and_complete(
    database: Database, queue_settings: Settings, tmp_path: Path
) -> None:
    """After SIGKILL the next worker resumes at the checkpoint; no user is twice."""
    is_dead = asyncio.Event()

    async def hold(query: Query) -> None:
        if int(query.get("cursor", "0")) >= HELD_FROM:
            await is_dead.wait()

    async def is_third_done() -> bool:
        return await database.users.estimated_document_count() > USERS // 3

    await _create_run()
    log = tmp_path / "worker.log"
    async with http_service(_page_of_users, hold=hold) as service:
        short_lease = _environment(kind="http", url=service.url, lease_s=2)
        async with program(*WORKER, settings=queue_settings, log=log, extra=short_lease) as victim:
            await until(is_third_done, what="a third of the load")
            await victim.kill()
        assert await _longest_lock_s(queue_settings) <= MAX_LOCK_S
        is_dead.set()
        # The first tick of the successor finds the run; the next one would come up to 15 s later.
        await until(lambda: _is_lease_over(database), what="the end of the lease")

        long_lease = _environment(kind="http", url=service.url)
        async with program(*WORKER, settings=queue_settings, log=log, extra=long_lease) as successor:
            await until(lambda: _has_finished(successor), what="the resumed run")

    [run] = await EtlRun.find_all().to_list()
    await _check_complete(database, run)
    assert run.attempts > 1


async def test_stopped_worker_gives_its_run_back(
    database: Database, queue_settings: Settings, tmp_path: Path
) -> None:
    """A stopped worker's run is due again at once, before its lease expires."""
    is_stopped = asyncio.Event()

    async def hold(query: Query) -> None:
        if int(query.get("cursor", "0")) >= HELD_FROM:
            await is_stopped.wait()

    async def has_begun() -> bool:
        return await database.users.estimated_document_count() > 0

    await _create_run()
    log = tmp_path / "worker.log"
    async with http_service(_page_of_users, hold=hold) as service:
        long_lease = _environment(kind="http", url=service.url, lease_s=3600)
        async with program(*WORKER, settings=queue_settings, log=log, extra=long_lease) as first:
            await until(has_begun, what="the first users")
            await first.stop()
        is_stopped.set()

        [run] = await EtlRun.find_all().to_list()
        assert (run.state, run.error) == (RunState.DUE, "interrupted")
        async with program(*WORKER, settings=queue_settings, log=log, extra=long_lease) as second:
            await until(lambda: _has_finished(second), what="the resumed run")

    [run] = await EtlRun.find_all().to_list()
    await _check_complete(database, run)
    assert (run.attempts, run.fence) == (1, 2), "a stop does not use up an attempt"


async def test_two_workers_run_an_hour_once(
    database: Database, queue_settings: Settings, file_of_users: Path, tmp_path: Path
) -> None:
    environment = _environment(kind="file", url=str(file_of_users), schedule="hourly")

    async def is_loaded() -> bool:
        assert all(worker.is_running for worker in workers), workers[0].output
        return await EtlRun.find_one(EtlRun.state == RunState.SUCCEEDED) is not None

    async with AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(
                program(*WORKER, settings=queue_settings, log=tmp_path / f"{name}.log", extra=environment)
            )
            for name in ("one", "two")
        ]
        await until(is_loaded, what="the run")

    # At a full hour there may be two slots. Only one of their runs had records to store.
    runs = await EtlRun.find_all().sort("slot").to_list()
    assert len({run.slot for run in runs}) == len(runs)
    assert all(run.attempts <= 1 for run in runs)
    await _check_complete(database, next(run for run in runs if run.state is RunState.SUCCEEDED))
