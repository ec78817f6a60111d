"""The change listener's process: `python -m workers.listener`.

SIGTERM or SIGINT: the listener finishes the current batch, saves the position, gives the lease back and exits 0.
If MongoDB hangs, the process ends after a grace period with exit 1. A non-retryable failure is one error in the
log, one alert to each alert URL, and exit 1. `--check` is the container's health check: exit 0 exactly if the
heartbeat of a listener is fresh.

The derived effects have a process of their own, which this one starts (`workers.effects_process`).
"""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import structlog
import uvloop
from pymongo.errors import BulkWriteError, PyMongoError

from docustore.alerts import alert
from docustore.causes import cause_of, report_failed_start
from docustore.changes.incidents import take_alert
from docustore.changes.listener import listen
from docustore.changes.stall import failure_of, stall_of
from docustore.changes.status import is_heartbeat_fresh
from docustore.config import Settings
from docustore.config_loading import load_settings
from docustore.database import Database
from docustore.document_models import open_database
from docustore.errors import DocustoreError
from docustore.gc_tuning import tune_gc
from docustore.logs import configure_logging
from docustore.migrations.precondition import require_known_store
from workers.effects_process import EffectsProcess, effects_beside, fork_effects
from workers.listener_http import served
from workers.stopping import cut_off_after

log = structlog.get_logger()


def main() -> int:
    """Run the listener, or its health check with `--check`; return the exit code."""
    report_failed_start("listener")
    settings = load_settings()
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    is_check = sys.argv[1:] == ["--check"]
    process = None if is_check else fork_effects(settings)
    try:
        return uvloop.run(_check(settings) if is_check else _listen(settings, process))
    except Exception as exc:  # noqa: BLE001  # the process's last frame: it logs the error, then it ends
        _log_failure(exc)
    return 1


def _log_failure(error: Exception) -> None:
    if (cause := cause_of(error)) is not None:
        log.error("listener.failed", error=type(error).__name__, reason=cause)
    elif isinstance(error, BulkWriteError):
        # Its text quotes documents.
        log.error("listener.failed", error="BulkWriteError", reason="MongoDB refused a write: see its log")
    elif isinstance(error, PyMongoError):
        log.error("listener.failed", error=type(error).__name__, reason=str(error))
    else:
        log.error("listener.crashed", exc_info=error)


async def _listen(settings: Settings, process: EffectsProcess | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tune_gc()
    cut_off = asyncio.create_task(cut_off_after(stop, event="listener.cut_off"))
    try:
        async with open_database(settings, app_name="docustore-listener") as database:
            await require_known_store(database)
            log.info("listener.started", database=database.name)
            with _observed(database, settings):
                async with effects_beside(database, settings, process, stop=stop):
                    await listen(database, settings, stop=stop, derived=())
    except Exception as exc:
        await _alert_once(settings, exc)
        raise
    finally:
        cut_off.cancel()
    log.info("listener.stopped")
    return 0


@contextmanager
def _observed(database: Database, settings: Settings) -> Iterator[None]:
    """Serve metrics and health while the block runs, if a port is set."""
    if not settings.listener_metrics_port:
        yield
        return

    async def problem() -> str | None:
        return await stall_of(database, limit_s=settings.changes_stalled_s)

    with served(settings.listener_metrics_host, settings.listener_metrics_port, problem):
        yield


async def _alert_once(settings: Settings, error: Exception) -> None:
    """Send the alert of an incident once.

    A supervisor may restart the process many times.
    """
    now = datetime.now(UTC)
    is_due = True
    with suppress(PyMongoError, DocustoreError):
        async with open_database(settings, app_name="docustore-listener") as database:
            is_due = await take_alert(database, error, at=now)
    if is_due:
        await alert(settings.alert_urls, "listener.stopped", at=now, error=type(error).__name__)


async def _check(settings: Settings) -> int:
    async with open_database(settings, app_name="docustore-listener-check") as database:
        if not await is_heartbeat_fresh(database, max_age_s=settings.changes_lease_s):
            log.error("listener.not_ready", reason="no listener renews the lease")
            return 1
        problem = await failure_of(database) or await stall_of(database, limit_s=settings.changes_stalled_s)
        if problem is not None:
            log.error("listener.not_ready", reason=problem)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
