"""Run one source once: claim, read pages, load them, checkpoint, commit.

What a run guarantees: every record read has one outcome, and the counts say so; what is loaded is loaded once,
whatever dies; the watermark moves only with the run's success, and only while its claim counts. A run that is
interrupted goes on at its last checkpoint.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from pymongo.errors import ConnectionFailure, PyMongoError

from docustore.config import Settings
from docustore.database import Database
from docustore.errors import DocustoreError, LeaseLostError, RetryableError, SourceContentError
from docustore.etl import ledger
from docustore.etl.budget import check_counts
from docustore.etl.ledger import Claim
from docustore.etl.models import SOURCES, Checkpoint, EtlRun, Window
from docustore.etl.page_flow import PageFlow
from docustore.etl.page_load import PageContext
from docustore.etl.progress import ProgressListener
from docustore.etl.sources.opening import open_source
from docustore.etl.sources.page import Source
from docustore.etl.transform import RecordRules
from docustore.source_settings import SourceSettings
from docustore.transient import unavailability

log: Final = structlog.get_logger()
# How much work a killed worker loses at most, and how often somebody who watches sees it move.
CHECKPOINT_S: Final = 1.0
PUT_OFF: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnvironment:
    """What a worker brings to a run.

    `is_last_resort` fails a run that meets a passing failure, instead of putting it off: nobody would come back.
    """

    database: Database
    settings: Settings
    owner: str
    is_last_resort: bool = False
    on_progress: ProgressListener | None = None


async def execute(run_id: str, source: SourceSettings, environment: RunEnvironment) -> EtlRun:
    """Work on a due run until it is finished, put off, or taken away.

    Returns:
        The run as it is in the ledger afterwards: succeeded, failed, or due again after a passing failure.

    Raises:
        NotFoundError: No such run.
        RunError: The run is not due.
        SourceBusyError: Another run of the source is running.
        LeaseLostError: The run was cancelled or taken over; nothing of it was committed.
    """
    lease_s = environment.settings.etl_lease_s
    claim, run = await ledger.claim(environment.database, run_id, owner=environment.owner, lease_s=lease_s)
    log.info("etl.run_started", run_id=run_id, source=run.source, attempt=run.attempts)
    await _Execution(claim, run, source, environment).finish()
    run = await ledger.get_run(run_id)
    if run.finished_at is not None:
        log.info("etl.run_finished", run_id=run_id, source=run.source, state=run.state, **run.counts.model_dump())
    return run


class _Execution:
    """One attempt at one run."""

    def __init__(self, claim: Claim, run: EtlRun, source: SourceSettings, environment: RunEnvironment) -> None:
        self._claim = claim
        self._run = run
        self._source = source
        self._environment = environment
        self._database = environment.database
        self._settings = environment.settings
        self._flow: PageFlow | None = None

    @property
    def _checkpoint(self) -> Checkpoint:
        return self._run.checkpoint if self._flow is None else self._flow.checkpoint

    async def finish(self) -> None:
        """Do the work and enter its end into the ledger."""
        try:
            window = await self._while_leased(self._work())
            await ledger.commit(self._database, self._claim, self._checkpoint, watermark=self._watermark(window))
        except LeaseLostError:
            raise
        except RetryableError as exc:
            await self._put_off(exc)
        except DocustoreError as exc:
            await ledger.fail(self._database, self._claim, self._checkpoint, error=str(exc))
        except asyncio.CancelledError:
            # The worker is told to stop: the run is due again at once, for whoever comes next.
            await asyncio.shield(self._give_back())
            raise
        except Exception as exc:
            if isinstance(exc, PyMongoError) and (passing := unavailability(exc)) is not None:
                await self._put_off(passing)
                return
            log.exception("etl.run_crashed", run_id=str(self._claim.run_id))
            error = f"unexpected {type(exc).__name__}; the worker's log has the details"
            await ledger.fail(self._database, self._claim, self._checkpoint, error=error)
            raise

    async def _work(self) -> Window:
        name = self._claim.source
        async with open_source(name, self._source, page_size=self._settings.etl_batch_size) as source:
            window = await self._window(source)
            pages = source.pages(window, after=self._run.checkpoint.position)
            self._flow = self._page_flow(window)
            await self._flow.load_all(pages, in_flight=self._settings.etl_batches_in_flight)
        check_counts(self._checkpoint.counts, window, budget_pct=self._settings.etl_quarantine_budget_pct)
        return window

    async def _window(self, source: Source) -> Window:
        if self._run.window.until is not None:
            return self._run.window
        options = self._run.options
        clock = await source.clock()
        self._check_clock(clock)
        stored = await self._database[SOURCES].find_one({"_id": self._claim.source})
        watermark: datetime | None = (stored or {}).get("watermark")
        since = options.since
        if since is None and watermark is not None and not options.full:
            since = watermark - timedelta(seconds=self._settings.etl_lag_window_s)
        until = clock.replace(microsecond=clock.microsecond // 1000 * 1000)
        window = Window(since=since, until=options.until or until)
        await ledger.open_window(self._database, self._claim, window, before=watermark)
        return window

    def _check_clock(self, clock: datetime) -> None:
        """Refuse a clock far ahead: the watermark never goes back, and would pass over all changes until then."""
        ahead = clock - datetime.now(UTC)
        if ahead > timedelta(seconds=self._settings.etl_max_future_s):
            problem = f"its clock says {clock:%Y-%m-%d %H:%M} UTC, {ahead.days} days ahead of this machine's"
            raise SourceContentError(source=self._claim.source, problem=f"{problem}; set the wrong one right")

    async def _while_leased(self, work: Awaitable[Window]) -> Window:
        working = asyncio.ensure_future(work)
        renewing = asyncio.create_task(self._renew_for_ever())
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if renewing.done():
                renewing.result()
            return await working
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)

    async def _renew_for_ever(self) -> None:
        lease_s = self._settings.etl_lease_s
        while True:
            await asyncio.sleep(min(lease_s / 3, CHECKPOINT_S))
            # A lease that cannot be renewed in time is lost on its own; the commit would find out.
            with suppress(ConnectionFailure):
                await ledger.save_checkpoint(self._database, self._claim, self._checkpoint, lease_s=lease_s)

    async def _put_off(self, error: RetryableError) -> None:
        is_last = self._run.attempts >= self._settings.etl_max_attempts or self._environment.is_last_resort
        if is_last:
            await ledger.fail(self._database, self._claim, self._checkpoint, error=str(error))
            return
        wait = error.retry_after or PUT_OFF * self._run.attempts
        await self._release(error=str(error), not_before=datetime.now(UTC) + wait)

    async def _give_back(self) -> None:
        if self._environment.is_last_resort:
            await ledger.fail(self._database, self._claim, self._checkpoint, error="interrupted")
        else:
            await self._release(error="interrupted", not_before=None)

    async def _release(self, *, error: str, not_before: datetime | None) -> None:
        await ledger.release(self._database, self._claim, self._checkpoint, error=error, not_before=not_before)
        log.info("etl.run_put_off", run_id=str(self._claim.run_id), source=self._claim.source, reason=error)

    def _page_flow(self, window: Window) -> PageFlow:
        observed_at = window.until or datetime.now(UTC)
        latest = max(observed_at, datetime.now(UTC)) + timedelta(seconds=self._settings.etl_max_future_s)
        rules = RecordRules(
            source=self._claim.source,
            required=self._source.required,
            observed_at=observed_at,
            latest=latest,
            max_record_bytes=self._settings.etl_max_record_bytes,
        )
        context = PageContext(
            database=self._database, run_id=str(self._claim.run_id), rules=rules, options=self._run.options
        )
        return PageFlow(
            context,
            checkpoint=self._run.checkpoint,
            started_at=self._run.started_at,
            is_resumed=self._run.attempts > 1,
            on_progress=self._environment.on_progress,
        )

    def _watermark(self, window: Window) -> datetime | None:
        options = self._run.options
        is_by_hand = options.dry_run or options.since is not None or options.until is not None
        return None if is_by_hand else window.until
