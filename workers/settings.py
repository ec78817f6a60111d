"""The arq worker: `arq workers.settings.WorkerSettings`.

arq wakes workers and executes tasks. The ledger (`docustore.etl.ledger`) decides which runs exist, which worker
has them and which results count, so a lost or doubled job does no harm.
"""

import logging
import os
import socket
from contextlib import AsyncExitStack
from datetime import UTC
from typing import Any, ClassVar, Final

import structlog
from arq import cron, func
from arq.cron import CronJob
from arq.worker import Function

from docustore.causes import report_failed_start
from docustore.config_loading import load_settings
from docustore.document_models import open_database
from docustore.etl.preconditions import require_unique_indexes
from docustore.etl.run import RunEnvironment
from docustore.gc_tuning import tune_gc
from docustore.logs import configure_logging
from docustore.migrations.precondition import require_known_store
from docustore.quality_watch.nightly import NightlyCheck
from docustore.queue import QUEUE_NAME, RUN_TASK, deserialize, redis_settings, serialize
from workers.active_runs import ActiveRuns
from workers.outbox import way_out
from workers.tasks import compact_history, deliver_reports, keep_quality, run_etl, tick

log: Final = structlog.get_logger()
report_failed_start("worker")
# arq logs every tick and every health check. Its warnings stay.
logging.getLogger("arq.worker").setLevel(logging.WARNING)
# The longest of these is how long the lock of a dead worker's job lasts.
TICK_TIMEOUT_S: Final = 50
WAKE_UP_TIMEOUT_S: Final = 30
MAX_ACTIVE_RUNS: Final = 4


async def on_startup(ctx: dict[str, Any]) -> None:
    """Open what the tasks need, and run the first tick at once."""
    settings = load_settings()
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    # arq's command line installs its own handler. With ours, every line would be logged twice.
    logging.getLogger("arq").handlers.clear()
    tune_gc()
    stack = AsyncExitStack()
    ctx["stack"] = stack
    ctx["settings"] = settings
    owner = f"{socket.gethostname()}:{os.getpid()}"
    database = await stack.enter_async_context(open_database(settings, app_name="docustore-worker"))
    await require_known_store(database)
    await require_unique_indexes(database)
    environment = RunEnvironment(database=database, settings=settings, owner=owner)
    ctx["database"] = database
    ctx["runs"] = ActiveRuns(environment, limit=MAX_ACTIVE_RUNS)
    stack.push_async_callback(ctx["runs"].stop)
    deliveries = await way_out(database, ctx["redis"], settings, owner=owner)
    stack.push_async_callback(deliveries.stop)
    deliveries.start()
    nightly = NightlyCheck(database, settings, owner=owner)
    stack.push_async_callback(nightly.stop)
    nightly.start()
    log.info("worker.started", owner=owner)
    await tick(ctx)  # type: ignore[arg-type]  # arq's dict holds the keys of WorkerContext now


async def on_shutdown(ctx: dict[str, Any]) -> None:
    """Close what `on_startup` opened."""
    await ctx["stack"].aclose()


class WorkerSettings:
    """The settings that arq reads from the attributes of this class."""

    functions: ClassVar[list[Function]] = [
        # keep_result 0: a kept result would block a new job for the same attempt.
        func(run_etl, name=RUN_TASK, timeout=WAKE_UP_TIMEOUT_S, keep_result=0, max_tries=5),  # type: ignore[arg-type]
    ]
    cron_jobs: ClassVar[list[CronJob]] = [
        # Four times a minute: a dead worker's run is resumed soon after its lease expires. max_tries: the default
        # of 1 would drop the tick of a killed worker. keep_result: marks a tick as done for the other workers.
        cron(tick, second={0, 15, 30, 45}, max_tries=3, timeout=TICK_TIMEOUT_S, keep_result=7200),  # type: ignore[arg-type]
        cron(deliver_reports, second={5, 35}, max_tries=3, timeout=TICK_TIMEOUT_S, keep_result=7200),  # type: ignore[arg-type]
        cron(compact_history, minute={7, 27, 47}, max_tries=3, timeout=TICK_TIMEOUT_S, keep_result=7200),  # type: ignore[arg-type]
        # Many times an hour: the first call that knows the figures stores them, and incidents are soon seen.
        cron(keep_quality, second=5, max_tries=3, timeout=TICK_TIMEOUT_S, keep_result=7200),  # type: ignore[arg-type]
    ]
    redis_settings = redis_settings(load_settings())
    queue_name = QUEUE_NAME
    job_serializer = staticmethod(serialize)
    job_deserializer = staticmethod(deserialize)
    timezone = UTC
    on_startup = on_startup
    on_shutdown = on_shutdown
    # Wake-ups and up to four slow ticks.
    max_jobs = 8
    queue_read_limit = 1000
    health_check_interval = 15
    # A stop gives the runs back with their checkpoints, so it need not wait for their end.
    job_completion_wait = 0
    handle_signals = True
