"""ETL workers that are killed, and more of them than one."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from docustore.config import Settings
from docustore.database import Database
from docustore.etl.models import EtlRun, RunState
from tests.chaos.programs import Program, program
from tests.waiting import until

USERS = 100_000
WORKER = ("-m", "arq", "workers.settings.WorkerSettings")
# The queue of these tests alone: Valkey keeps sixteen apart.
QUEUE_DATABASE = 9

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]


@pytest.fixture
async def queue_settings(settings: Settings) -> AsyncIterator[Settings]:
    address = f"{(settings.redis_url or '').rsplit('/', 1)[0]}/{QUEUE_DATABASE}"
    async with Redis.from_url(address) as queue:
        await queue.flushdb()
        yield settings.model_copy(update={"redis_url": address})
        await queue.flushdb()


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """One hourly source, a file of 100,000 users, and leases that expire soon."""
    path = tmp_path / "users.ndjson"
    with path.open("w") as lines:
        lines.writelines(json.dumps(_user(number)) + "\n" for number in range(USERS))
    source = {"kind": "file", "url": str(path), "schedule": "hourly"}
    return {"DOCUSTORE_SOURCES": json.dumps({"crm": source}), "DOCUSTORE_ETL_LEASE_S": "3"}


def _user(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "email": f"user{number}@example.org",
        "firstName": "User",
        "lastName": str(number),
        "modifiedAt": "2026-01-01T00:00:00Z",
    }


async def _has_finished(worker: Program) -> bool:
    assert worker.is_running, worker.output
    run = await EtlRun.find_one()
    return run is not None and run.finished_at is not None


async def _check_complete(database: Database) -> EtlRun:
    # A test that runs over a full hour meets two slots; each has its one run, and the first does the work.
    runs = await EtlRun.find_all().sort("slot").to_list()
    run = runs[0]
    assert len({run.slot for run in runs}) == len(runs)
    assert run.state is RunState.SUCCEEDED, run.error
    assert run.counts.is_balanced
    assert (run.counts.read, run.counts.inserted) == (USERS, USERS)
    assert await database.users.count_documents({}) == USERS
    assert await database.users.count_documents({"version": 1}) == USERS
    return run


async def test_killed_worker_s_run_is_resumed_and_complete(
    database: Database, queue_settings: Settings, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """SIGKILL in the middle of a load: the next worker goes on at the checkpoint, and nothing is there twice."""

    async def is_half_done() -> bool:
        return await database.users.estimated_document_count() > USERS // 3

    log = tmp_path / "worker.log"
    async with program(*WORKER, settings=queue_settings, log=log, extra=environment) as victim:
        await until(is_half_done, timeout_s=90, what="a third of the load")
        await victim.kill()
    stored = await database.users.estimated_document_count()
    assert USERS // 3 < stored < USERS, "the kill came too late to test anything"

    async with program(*WORKER, settings=queue_settings, log=log, extra=environment) as successor:
        await until(lambda: _has_finished(successor), timeout_s=120, what="the resumed run")

    run = await _check_complete(database)
    assert run.attempts == 2


async def test_stopped_worker_gives_its_run_back(
    database: Database, queue_settings: Settings, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """A deploy in the middle of a load costs no lease time: the run is due again at once."""

    async def has_begun() -> bool:
        return await database.users.estimated_document_count() > 0

    log = tmp_path / "worker.log"
    long_lease = {**environment, "DOCUSTORE_ETL_LEASE_S": "3600"}
    async with program(*WORKER, settings=queue_settings, log=log, extra=long_lease) as first:
        await until(has_begun, timeout_s=60, what="the first users")
        await first.stop()

    async with program(*WORKER, settings=queue_settings, log=log, extra=long_lease) as second:
        await until(lambda: _has_finished(second), timeout_s=120, what="the run taken up again")

    await _check_complete(database)


async def test_two_workers_run_an_hour_once(
    database: Database, queue_settings: Settings, environment: Mapping[str, str], tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(
                program(*WORKER, settings=queue_settings, log=tmp_path / f"{name}.log", extra=environment)
            )
            for name in ("one", "two")
        ]
        await until(lambda: _has_finished(workers[0]), timeout_s=120, what="the run")

    run = await _check_complete(database)
    assert run.attempts == 1
