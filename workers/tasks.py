"""The tasks of the arq worker; each is thin and calls `docustore.etl`."""

from datetime import UTC, datetime
from typing import Final, TypedDict

import structlog

from docustore.alerts import alert
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import LeaseLostError, NotFoundError, RunError
from docustore.etl import ledger, schedule
from docustore.etl.run import RunEnvironment, execute_run
from docustore.queue import Queue, enqueue_run

log: Final = structlog.get_logger()


class WorkerContext(TypedDict):
    """The keys that `on_startup` adds to arq's own."""

    settings: Settings
    database: Database
    redis: Queue
    owner: str


async def tick(ctx: WorkerContext) -> int:
    """Update the ledger, wake workers, send alerts; return the number of wake-ups."""
    settings = ctx["settings"]
    now = datetime.now(UTC)
    due = await schedule.tick(ctx["database"], settings.sources, now=now, max_attempts=settings.etl_max_attempts)
    sent = [await enqueue_run(ctx["redis"], str(run.id), attempt=run.attempts, now=now) for run in due]
    # Claim one failure per tick: a cancelled tick would lose the rest.
    if failed := await schedule.take_unannounced_failure(ctx["database"], now=now):
        facts = {"run_id": str(failed.id), "source": failed.source, "slot": failed.slot, "error": failed.error}
        await alert(settings.alert_urls, "etl.run_failed", at=now, **facts)
    return sum(sent)


async def run_etl(ctx: WorkerContext, run_id: str) -> str:
    """Work on one run and return its state.

    arq may call it more than once. The ledger lets one call claim the run.
    """
    settings = ctx["settings"]
    environment = RunEnvironment(database=ctx["database"], settings=settings, owner=ctx["owner"])
    try:
        run = await ledger.get_run(run_id)
        source = schedule.known_source(settings.sources, run.source)
        return (await execute_run(run_id, source, environment)).state
    except (RunError, NotFoundError) as exc:
        # Another worker has the run, it was cancelled, or its source is no longer configured. A retry of this job
        # is useless. The next tick finds a run that is still due.
        level = log.warning if isinstance(exc, LeaseLostError) else log.info
        level("etl.run_not_taken", run_id=run_id, reason=str(exc))
        return "not_taken"
