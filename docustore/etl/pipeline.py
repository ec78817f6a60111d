"""Run one source once: claim, read pages, load them, checkpoint, commit.

What a run guarantees: every record read has one outcome, and the counts say so; what is loaded is loaded once,
whatever dies; the watermark moves only with the run's success, and only while its claim counts. A run that is
interrupted goes on at its last checkpoint.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import stamina
import structlog
from pymongo.errors import BulkWriteError, ConnectionFailure, PyMongoError

from docustore.config import Settings, SourceSettings
from docustore.database import Database
from docustore.errors import (
    DatabaseUnavailableError,
    DocustoreError,
    LeaseLostError,
    QuarantineBudgetExceededError,
    RetryableError,
    RunError,
)
from docustore.etl import ledger
from docustore.etl.ledger import Claim
from docustore.etl.load import LoadContext
from docustore.etl.models import SOURCES, Counts, EtlRun, Window
from docustore.etl.page_load import PageContext, load_page
from docustore.etl.progress import PageResult, advanced
from docustore.etl.sources.opening import open_source
from docustore.etl.sources.page import Page, Source
from docustore.etl.transform import RecordRules

log: Final = structlog.get_logger()
# A quiet hour may bring one record, and that one bad; a budget in percent needs a few to speak of.
MIN_QUARANTINED_FOR_BUDGET: Final = 10
# About a minute of elections and restarts before a run is put off.
DATABASE_ATTEMPTS: Final = 12
# How much work a killed worker loses at most, and how often somebody who watches sees it move.
CHECKPOINT_S: Final = 1.0
PUT_OFF: Final = timedelta(minutes=1)
# NotPrimary and interrupted-by-election codes that a bulk write reports per operation.
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
ELECTION_CODES: Final = frozenset({91, 189, 10107, 11600, 11602, 13435, 13436})

ProgressListener = Callable[[Counts], None]


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
        self._checkpoint = run.checkpoint

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
            log.exception("etl.run_crashed", run_id=str(self._claim.run_id))
            error = f"unexpected {type(exc).__name__}; the worker's log has the details"
            await ledger.fail(self._database, self._claim, self._checkpoint, error=error)
            raise

    async def _work(self) -> Window:
        name = self._claim.source
        async with open_source(name, self._source, page_size=self._settings.etl_batch_size) as source:
            window = await self._window(source)
            await self._load_all(source, window)
        self._check_counts(window)
        return window

    async def _window(self, source: Source) -> Window:
        if self._run.window.until is not None:
            return self._run.window
        options = self._run.options
        clock = await source.clock()
        stored = await self._database[SOURCES].find_one({"_id": self._claim.source})
        watermark: datetime | None = (stored or {}).get("watermark")
        since = options.since
        if since is None and watermark is not None and not options.full:
            since = watermark - timedelta(seconds=self._settings.etl_lag_window_s)
        until = clock.replace(microsecond=clock.microsecond // 1000 * 1000)
        window = Window(since=since, until=options.until or until)
        await ledger.open_window(self._database, self._claim, window, before=watermark)
        return window

    async def _load_all(self, source: Source, window: Window) -> None:
        context = self._page_context(window)
        in_flight: deque[tuple[str, asyncio.Task[PageResult]]] = deque()
        try:
            async for page in source.pages(window, after=self._checkpoint.position):
                while len(in_flight) >= self._settings.etl_batches_in_flight:
                    await self._fold(in_flight)
                in_flight.append((page.resume, asyncio.create_task(self._load_page(page, context))))
            await self._fold_all(in_flight)
        except DocustoreError:
            # The source failed; what it had delivered is good, and need not be read again.
            await self._fold_all(in_flight)
            raise
        finally:
            for _, task in in_flight:
                task.cancel()
            await asyncio.gather(*(task for _, task in in_flight), return_exceptions=True)

    async def _fold_all(self, in_flight: deque[tuple[str, asyncio.Task[PageResult]]]) -> None:
        while in_flight:
            await self._fold(in_flight)

    async def _fold(self, in_flight: deque[tuple[str, asyncio.Task[PageResult]]]) -> None:
        """Wait for the oldest page; the checkpoint never moves past one that is not finished."""
        resume, task = in_flight[0]
        result = await task
        in_flight.popleft()
        self._checkpoint = advanced(self._checkpoint, [(resume, result)])
        if self._environment.on_progress is not None:
            self._environment.on_progress(self._checkpoint.counts)

    async def _load_page(self, page: Page, context: PageContext) -> PageResult:
        load_context = LoadContext(
            source=self._claim.source,
            now=_now_ms(),
            dry_run=self._run.options.dry_run,
            resumed_since=self._run.started_at if self._run.attempts > 1 else None,
        )
        try:
            async for attempt in stamina.retry_context(
                on=_is_passing, attempts=DATABASE_ATTEMPTS, timeout=None, wait_initial=0.1, wait_max=10.0
            ):
                with attempt:
                    if attempt.num > 1:
                        load_context = replace(load_context, resumed_since=self._run.started_at)
                    return await load_page(page, context, load_context)
        except PyMongoError as exc:
            if _is_passing(exc):
                raise DatabaseUnavailableError(f"MongoDB did not take a page: {type(exc).__name__}") from exc
            raise
        raise AssertionError("unreachable: the loop returns or raises")

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

    def _page_context(self, window: Window) -> PageContext:
        observed_at = window.until or datetime.now(UTC)
        latest = max(observed_at, datetime.now(UTC)) + timedelta(seconds=self._settings.etl_max_future_s)
        rules = RecordRules(
            source=self._claim.source,
            required=self._source.required,
            observed_at=observed_at,
            latest=latest,
            max_record_bytes=self._settings.etl_max_record_bytes,
        )
        return PageContext(
            database=self._database, run_id=str(self._claim.run_id), rules=rules, options=self._run.options
        )

    def _check_counts(self, window: Window) -> None:
        counts = self._checkpoint.counts
        if not counts.is_balanced:
            raise RunError(
                "the counts do not add up to the records read: nothing was committed, please report this"
            )
        budget_pct = self._settings.etl_quarantine_budget_pct
        is_over = counts.quarantined * 100 > budget_pct * counts.read
        is_telling = counts.quarantined > MIN_QUARANTINED_FOR_BUDGET or (
            window.since is None and counts.quarantined == counts.read
        )
        if is_over and is_telling:
            raise QuarantineBudgetExceededError(
                quarantined=counts.quarantined, read=counts.read, budget_pct=budget_pct
            )

    def _watermark(self, window: Window) -> datetime | None:
        options = self._run.options
        is_by_hand = options.dry_run or options.since is not None or options.until is not None
        return None if is_by_hand else window.until


def _is_passing(error: Exception) -> bool:
    """Tell a failure that another try on the next primary may not meet."""
    if isinstance(error, BulkWriteError):
        failures = error.details.get("writeErrors", []) + error.details.get("writeConcernErrors", [])
        return any(failure.get("code") in ELECTION_CODES for failure in failures)
    return isinstance(error, ConnectionFailure) or getattr(error, "code", None) in ELECTION_CODES


def _now_ms() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
