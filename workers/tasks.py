"""The tasks of the arq worker; each is thin and calls `docustore.etl`."""

from datetime import UTC, datetime
from typing import Final, TypedDict

import structlog

from docustore.changes.retention import keep_history_compact
from docustore.changes_watch import watch_listener
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import NotFoundError
from docustore.etl import ledger, schedule
from docustore.etl.alert_outbox import deliver_messages
from docustore.etl.lineage_outbox import deliver_lineage
from docustore.etl.watch import watch
from docustore.outbox.upkeep import keep_up
from docustore.quality.declared import rule_set
from docustore.quality.stored import server_time
from docustore.quality.trend import compact_hours, keep_hour
from docustore.quality_watch.watch import watch_quality
from docustore.queue import Queue, enqueue_run, queued_jobs, remove_jobs, stale_jobs
from docustore.reports.schedule import deliver_due, enter_slots
from workers.active_runs import ActiveRuns

log: Final = structlog.get_logger()


class WorkerContext(TypedDict):
    """The keys that `on_startup` adds to arq's own."""

    settings: Settings
    database: Database
    redis: Queue
    runs: ActiveRuns


async def tick(ctx: WorkerContext) -> int:
    """Update ledger, queue and outbox; wake workers; send alerts and lineage.

    Returns:
        The number of wake-ups.
    """
    settings = ctx["settings"]
    now = datetime.now(UTC)
    # Listed first: the job of a run that is created meanwhile must not look stale.
    job_ids = await queued_jobs(ctx["redis"])
    due = await schedule.tick(ctx["database"], settings.sources, now=now, max_attempts=settings.etl_max_attempts)
    sent = [await enqueue_run(ctx["redis"], str(run.id), fence=run.fence, now=now) for run in due]
    fences = {str(run.id): run.fence for run in due}
    await remove_jobs(ctx["redis"], stale_jobs(job_ids, due=fences, now=now))
    await watch(ctx["database"], settings.sources, now=now, is_told=bool(settings.alert_urls))
    await watch_listener(
        ctx["database"], limit_s=settings.changes_stalled_s, now=now, is_told=bool(settings.alert_urls)
    )
    await keep_up(
        ctx["database"], now=now, max_pending=settings.outbox_max_pending, is_told=bool(settings.alert_urls)
    )
    await deliver_messages(ctx["database"], settings.alert_urls, now=now)
    await deliver_lineage(ctx["database"], settings, now=now)
    return sum(sent)


async def deliver_reports(ctx: WorkerContext) -> int:
    """Enter the slots of scheduled reports and deliver what is due.

    Returns:
        The number of delivered reports.
    """
    # The clock of the server: with their own, workers could take what another one is sending.
    now = await server_time(ctx["database"])
    await enter_slots(ctx["database"], now=now)
    return await deliver_due(ctx["database"], ctx["settings"], now=now)


async def compact_history(ctx: WorkerContext) -> int:
    """Compact old states of users, if the settings ask for it; return how many."""
    return await keep_history_compact(ctx["database"], ctx["settings"])


async def keep_quality(ctx: WorkerContext) -> bool:
    """Store the quality of this hour, compact old hours, look for incidents."""
    settings, database = ctx["settings"], ctx["database"]
    rules = rule_set(settings.quality_rules)
    is_stored = await keep_hour(database, rules)
    await compact_hours(database, kept_days=settings.quality_hours_kept_days)
    await watch_quality(database, rules, now=datetime.now(UTC), is_told=bool(settings.alert_urls))
    return is_stored


async def run_etl(ctx: WorkerContext, run_id: str) -> str:
    """Start to work on one run, and return before it ends: `started` or `not_taken`.

    arq's lock on a job lasts as long as the longest task may take, and it stays when a worker dies. So this task
    is short, and the lease of the run says who works on it. arq may call the task more than once. The ledger lets
    one call claim the run. A run that is not taken stays due, and the next tick wakes a worker again.
    """
    try:
        run = await ledger.get_run(run_id)
        source = schedule.known_source(ctx["settings"].sources, run.source)
    except NotFoundError as exc:
        log.info("etl.run_not_taken", run_id=run_id, reason=str(exc))
        return "not_taken"
    return "started" if ctx["runs"].start(run_id, source) else "not_taken"
