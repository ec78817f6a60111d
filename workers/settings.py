"""The arq worker: `arq workers.settings.WorkerSettings`.

arq wakes and executes; which runs exist, who works on them and what counts is the ledger's business
(`docustore.etl.ledger`), so nothing here has to be exact.
"""

import logging
import os
import socket
from contextlib import AsyncExitStack
from datetime import UTC, timedelta
from typing import Any, ClassVar, Final

from arq import cron, func
from arq.cron import CronJob
from arq.worker import Function

from docustore.config import load_settings
from docustore.document_models import open_database
from docustore.etl.preconditions import require_unique_indexes
from docustore.gc_tuning import tune_gc
from docustore.logs import configure_logging
from docustore.queue import QUEUE_NAME, RUN_TASK, deserialize, redis_settings, serialize
from workers.tasks import run_etl, tick

# The longest run there can be; arq would end it. The ledger's lease is what finds dead workers.
MAX_RUN: Final = timedelta(hours=12)


async def on_startup(ctx: dict[str, Any]) -> None:
    """Open what the tasks need, and look at the ledger at once instead of at the next full minute."""
    settings = load_settings()
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    # arq's command line has set up a handler of its own; with ours every line would come twice.
    logging.getLogger("arq").handlers.clear()
    tune_gc()
    stack = AsyncExitStack()
    ctx["stack"] = stack
    ctx["settings"] = settings
    ctx["owner"] = f"{socket.gethostname()}:{os.getpid()}"
    ctx["database"] = await stack.enter_async_context(open_database(settings, app_name="docustore-worker"))
    await require_unique_indexes(ctx["database"])
    await tick(ctx)  # type: ignore[arg-type]  # arq's dict holds the context's keys from here on


async def on_shutdown(ctx: dict[str, Any]) -> None:
    """Close what `on_startup` opened."""
    await ctx["stack"].aclose()


class WorkerSettings:
    """Read by arq, as attributes of the class."""

    functions: ClassVar[list[Function]] = [
        # keep_result 0: a kept result would keep the run from being enqueued again under the same attempt.
        func(run_etl, name=RUN_TASK, timeout=MAX_RUN, keep_result=0, max_tries=5),  # type: ignore[arg-type]
    ]
    cron_jobs: ClassVar[list[CronJob]] = [
        # Four times a minute, so that a dead worker's run is taken up soon after its lease. max_tries: the default
        # of 1 would drop the tick of a killed worker; keep_result marks a tick as done.
        cron(tick, second={0, 15, 30, 45}, max_tries=3, timeout=50, keep_result=7200),  # type: ignore[arg-type]
    ]
    redis_settings = redis_settings(load_settings())
    queue_name = QUEUE_NAME
    job_serializer = staticmethod(serialize)
    job_deserializer = staticmethod(deserialize)
    timezone = UTC
    on_startup = on_startup
    on_shutdown = on_shutdown
    max_jobs = 4
    health_check_interval = 15
    # Tasks checkpoint when they are cancelled, so there is nothing to wait for.
    job_completion_wait = 0
    handle_signals = True
