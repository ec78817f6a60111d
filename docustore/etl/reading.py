"""Read a source once: open its window, store its pages, check what was read.

A reading belongs to one attempt at one run. It writes users, the quarantine and the window of its run; how the run
ends is written by `docustore.etl.run`.
"""

from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.etl import ledger
from docustore.etl.budget import check_counts, check_required
from docustore.etl.context import RunContext
from docustore.etl.guards.absences import end_absent
from docustore.etl.guards.brake import PageHeldError
from docustore.etl.guards.diffs import save_diff
from docustore.etl.guards.guards import Guards
from docustore.etl.guards.opening import open_guards
from docustore.etl.guards.outcome import close_gate, refuse_if_held
from docustore.etl.guards.verification import verify
from docustore.etl.ledger import Claim
from docustore.etl.memory import Memory, memory_of, recalled
from docustore.etl.meter import Meter
from docustore.etl.models import SOURCES, Checkpoint, EtlRun, Window
from docustore.etl.operations import writer_of
from docustore.etl.pages import Progress, store_pages
from docustore.etl.rules import record_rules
from docustore.etl.run_progress import RunPhase
from docustore.etl.sources.registry import open_source
from docustore.etl.sources.source import Source
from docustore.etl.stamps import Stamps
from docustore.etl.store import store_records
from docustore.etl.window import check_clock, choose_window
from docustore.source_settings import SourceSettings


class Reading:
    """One reading of one source.

    After `read_and_store`: `guards` is what the brakes, deletions and checks have found. `is_full_read` tells
    whether everything that the source has was read, `left_out_known` whether known content was left out. `memory`
    is what the next run may leave out.
    """

    def __init__(
        self, claim: Claim, run: EtlRun, source: SourceSettings, database: Database, settings: Settings
    ) -> None:
        self._claim = claim
        self._run = run
        self._source = source
        self._database = database
        self._settings = settings
        self.guards = Guards()
        self.is_full_read = False
        self.left_out_known = False
        self.memory: Memory | None = None

    async def read_and_store(self, progress: Progress, meter: Meter) -> Window:
        """Store everything in the window of the run.

        Args:
            progress: Moves over the stored pages.
            meter: Gets the phases and the pages.

        Returns:
            The window that was read.

        Raises:
            DocustoreError: The source cannot be read, the run is held, or a check failed.
        """
        page_size = self._settings.etl_batch_size
        async with open_source(self._claim.source, self._source, page_size=page_size) as source:
            source.recall(await recalled(self._database, self._claim.source, self._source, self._run.options))
            window = await self._open_window(source)
            self.is_full_read = window.since is None or not source.reads_window
            self.guards = await open_guards(
                self._database,
                self._run,
                self._source,
                is_full_read=self.is_full_read,
                sample_size=self._settings.etl_verify_sample,
                quality_rules=self._settings.quality_rules,
            )
            reading = meter.watched(source.pages(window, after=progress.checkpoint.position))
            in_flight = self._settings.etl_batches_in_flight
            context = self._context(window)
            async with aclosing(reading) as pages:
                await store_pages(pages, context, progress, in_flight=in_flight)
            refuse_if_held(self.guards, self._run)
            await self._settle(context, progress)
            meter.enter(RunPhase.VERIFYING)
            self.left_out_known = source.left_out_known
            self.is_full_read = self.is_full_read and not source.left_out_known
            self.memory = memory_of(source.to_remember(), self._source, self._run.options)
        self._check(progress.checkpoint)
        close_gate(self.guards, self._run, progress.checkpoint.quality)
        if self.is_full_read:
            # Last: a reading that fails its checks, or left out known content, says nothing about what it lacks.
            await end_absent(context, self._run, window)
        await verify(self._database, self._claim.source, self.guards)
        if self.guards.diff is not None:
            await save_diff(self._database, self._run, self.guards.diff, now=now_utc())
        return window

    def _check(self, checkpoint: Checkpoint) -> None:
        settings, is_full_read = self._source, self.is_full_read
        check_required(
            checkpoint, settings.required, is_full_read=is_full_read, max_missing_pct=settings.max_missing_pct
        )
        budget_pct = self._settings.etl_quarantine_budget_pct
        check_counts(checkpoint.counts, is_full_read=is_full_read, budget_pct=budget_pct)

    async def _settle(self, context: RunContext, progress: Progress) -> None:
        """Store the records without times that only the whole reading could decide."""
        settled = context.observed.settled()
        # A resumed run has not seen the pages before its checkpoint. The next run decides.
        if settled and not context.stamps.is_resumed and not self._run.options.dry_run:
            stamp = context.stamps.next(now_utc())
            try:
                progress.reclassify(await store_records(settled, context, now=stamp))
            except PageHeldError:
                refuse_if_held(self.guards, self._run)

    async def _open_window(self, source: Source) -> Window:
        if self._run.window.until is not None:
            return self._run.window
        clock = await source.clock()
        max_ahead = timedelta(seconds=self._settings.etl_max_clock_ahead_s)
        check_clock(clock, source=self._claim.source, now=datetime.now(UTC), max_ahead=max_ahead)
        stored = await self._database[SOURCES].find_one({"_id": self._claim.source})
        watermark: datetime | None = (stored or {}).get("watermark")
        lag = timedelta(seconds=self._settings.etl_lag_window_s)
        window = choose_window(clock, watermark=watermark, options=self._run.options, lag=lag)
        await ledger.open_window(self._database, self._claim, window, before=watermark)
        return window

    def _context(self, window: Window) -> RunContext:
        observed_at = window.until or datetime.now(UTC)
        rules = record_rules(self._claim.source, self._source, self._settings, observed_at=observed_at)
        return RunContext(
            database=self._database,
            run_id=str(self._claim.run_id),
            rules=rules,
            options=self._run.options,
            guards=self.guards,
            stamps=Stamps(writer_of(self._claim.source), counted_until=self._counted_until()),
        )

    def _counted_until(self) -> datetime | None:
        # The fence counts all claims; a worker that was told to stop does not use up an attempt.
        is_first = self._run.fence == 1 or self._run.options.dry_run
        return None if is_first else self._run.checkpoint.stamp or self._run.started_at
