"""Wake-ups through the queue: no duplicates, and never the last one."""

from datetime import UTC, datetime, timedelta

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.etl.models import RunOptions, RunTrigger
from docustore.etl.schedule import create_run
from docustore.queue import QUEUE_NAME, WAKE_UP, enqueue_run, open_queue

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "is_sent"), [(timedelta(0), False), (WAKE_UP - timedelta(seconds=1), False), (WAKE_UP, True)]
)
async def test_lost_wake_up_is_replaced(
    database: Database, settings: Settings, after: timedelta, *, is_sent: bool
) -> None:
    """arq keeps a dead worker's job locked for hours, so the run needs another job."""
    del database
    run = await create_run("crm", trigger=RunTrigger.API, options=RunOptions(), now=NOW)
    async with open_queue(settings) as queue:
        await enqueue_run(queue, str(run.id), attempt=run.attempts, now=NOW)

        assert await enqueue_run(queue, str(run.id), attempt=run.attempts, now=NOW + after) is is_sent

        # The queue is shared with other tests, and no worker takes these jobs.
        jobs = [job for job in await queue.zrange(QUEUE_NAME, 0, -1) if str(run.id).encode() in job]
        await queue.zrem(QUEUE_NAME, *jobs)
