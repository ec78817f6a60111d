"""Wake-ups through the queue: no duplicates, and never the last one."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from docustore.config import Settings
from docustore.database import Database
from docustore.etl import ledger
from docustore.etl.alert_outbox import undelivered
from docustore.etl.lineage import Dataset
from docustore.etl.lineage_outbox import undelivered_runs
from docustore.etl.models import Checkpoint, RunOptions, RunTrigger
from docustore.etl.run import RunEnvironment
from docustore.etl.schedule import create_run
from docustore.queue import QUEUE_NAME, WAKE_UP, Queue, enqueue_run, open_queue, queued_jobs
from docustore.source_settings import SourceSettings
from workers.active_runs import ActiveRuns
from workers.tasks import WorkerContext, tick

DATASET = Dataset(namespace="file", name="/people.csv")
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
# A queue database for these tests alone; Valkey has sixteen.
QUEUE_DATABASE = 8


@pytest.fixture
async def own_queue(settings: Settings) -> AsyncIterator[Queue]:
    address = f"{(settings.redis_url or '').rsplit('/', 1)[0]}/{QUEUE_DATABASE}"
    async with Redis.from_url(address) as valkey:
        await valkey.flushdb()
        async with open_queue(settings.model_copy(update={"redis_url": address})) as queue:
            yield queue
        await valkey.flushdb()


def worker(database: Database, settings: Settings, queue: Queue) -> WorkerContext:
    known = {"crm": SourceSettings(kind="file", url="/nowhere.ndjson", schedule="off")}
    runs = ActiveRuns(RunEnvironment(database=database, settings=settings, owner="test"), limit=1)
    return {
        "settings": settings.model_copy(update={"sources": known}),
        "database": database,
        "redis": queue,
        "runs": runs,
    }


async def test_broken_receivers_stop_no_tick(database: Database, settings: Settings, own_queue: Queue) -> None:
    """Neither of alerts nor of lineage; the failure stays in the outbox."""
    failed = await create_run("crm", trigger=RunTrigger.API, options=RunOptions(), now=NOW)
    claim, _ = await ledger.claim(database, str(failed.id), owner="w", lease_s=60, dataset=DATASET)
    await ledger.fail(database, claim, Checkpoint(), error="broken")
    await create_run("crm", trigger=RunTrigger.API, options=RunOptions(), now=NOW)
    closed = "http://127.0.0.1:1/"
    context = worker(database, settings, own_queue)
    context["settings"] = context["settings"].model_copy(update={"alert_urls": (closed,), "lineage_url": closed})

    woken = await tick(context)

    assert woken == 1
    assert len(await undelivered(database)) == 1
    assert len(await undelivered_runs()) == 1


@pytest.mark.parametrize(
    ("after", "is_sent"), [(timedelta(0), False), (WAKE_UP - timedelta(seconds=1), False), (WAKE_UP, True)]
)
async def test_lost_wake_up_is_replaced(
    database: Database, settings: Settings, after: timedelta, *, is_sent: bool
) -> None:
    """arq keeps a dead worker's job locked, so the run needs another job."""
    del database
    run = await create_run("crm", trigger=RunTrigger.API, options=RunOptions(), now=NOW)
    async with open_queue(settings) as queue:
        await enqueue_run(queue, str(run.id), fence=run.fence, now=NOW)

        assert await enqueue_run(queue, str(run.id), fence=run.fence, now=NOW + after) is is_sent

        # The queue is shared with other tests, and no worker takes these jobs.
        jobs = [job for job in await queue.zrange(QUEUE_NAME, 0, -1) if str(run.id).encode() in job]
        await queue.zrem(QUEUE_NAME, *jobs)


async def test_dead_jobs_leave_the_queue(database: Database, settings: Settings, own_queue: Queue) -> None:
    """arq reads a limited number of jobs; locked jobs of dead workers would hide the others."""
    ended = await create_run("crm", trigger=RunTrigger.API, options=RunOptions(), now=NOW)
    await enqueue_run(own_queue, str(ended.id), fence=0, now=NOW)
    await ledger.cancel(database, str(ended.id))
    old_tick = f"cron:tick:{(datetime.now(UTC) - timedelta(hours=3)).timestamp() * 1000:.0f}"
    await own_queue.enqueue_job("cron:tick", _job_id=old_tick)
    for job_id in await queued_jobs(own_queue):
        await own_queue.set(f"arq:in-progress:{job_id}", "1")
    due = await create_run("crm", trigger=RunTrigger.API, options=RunOptions(), now=NOW)

    assert await tick(worker(database, settings, own_queue)) == 1

    [job_id] = await queued_jobs(own_queue)
    assert str(due.id) in job_id
    assert await own_queue.keys("arq:in-progress:*") == []


async def test_tick_keeps_the_wake_up_of_a_due_run(
    database: Database, settings: Settings, own_queue: Queue
) -> None:
    await create_run("crm", trigger=RunTrigger.API, options=RunOptions(), now=NOW)

    for _ in range(3):
        await tick(worker(database, settings, own_queue))

    # A new half minute may begin between two ticks. Then the older job is replaced.
    assert len(await queued_jobs(own_queue)) == 1
