"""Run one source once: claim the run, store the pages, save checkpoints, commit.

Guarantees: every record read has exactly one outcome, and the counts include it. Records are stored once, even if
the process is killed. The watermark moves only in the transaction that marks the run as succeeded, and only while
the claim is valid. An interrupted run continues at its last checkpoint.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import DocustoreError, LeaseLostError, RetryableError, SourceUnavailableError
from docustore.etl import ledger
from docustore.etl.guards.absences import forget_readings
from docustore.etl.guards.outcome import remember_hold, run_facts, source_facts
from docustore.etl.ledger import Claim
from docustore.etl.lineage import input_dataset
from docustore.etl.mapping_state import note_mapping
from docustore.etl.meter import Meter
from docustore.etl.models import Checkpoint, EtlRun, Window
from docustore.etl.pages import Progress, ProgressListener
from docustore.etl.reading import Reading
from docustore.etl.run_progress import RunPhase, RunProgress
from docustore.etl.sources.registry import place_of
from docustore.etl.window import next_watermark
from docustore.source_settings import SourceSettings
from docustore.transient import is_transient, unavailability

log: Final = structlog.get_logger()
# A killed worker loses at most this much work. Observers see new counts this often.
CHECKPOINT_S: Final = 1.0
PUT_OFF: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnvironment:
    """What a process brings to a run.

    `is_last_resort`: a transient failure fails the run, because no other process would resume it. `on_step`
    gets the progress once a second.
    """

    database: Database
    settings: Settings
    owner: str
    is_last_resort: bool = False
    on_progress: ProgressListener | None = None
    on_step: Callable[[RunProgress], None] | None = None


async def execute_run(run_id: str, source: SourceSettings, environment: RunEnvironment) -> EtlRun:
    """Work on a due run until it is finished, put off or taken over.

    Returns:
        The run as the ledger has it afterwards: succeeded, failed, or due again after a transient failure.

    Raises:
        NotFoundError: No run has this id.
        RunError: The run is not due.
        SourceBusyError: Another run of the source is running.
        LeaseLostError: The run was cancelled or taken over. Nothing was committed.
    """
    lease_s = environment.settings.etl_lease_s
    dataset = None if environment.settings.lineage_url is None else input_dataset(place_of(source))
    claim, run = await ledger.claim(
        environment.database, run_id, owner=environment.owner, lease_s=lease_s, dataset=dataset
    )
    log.info("etl.run_started", run_id=run_id, source=run.source, attempt=run.attempts)
    await _Attempt(claim, run, source, environment).finish()
    run = await ledger.get_run(run_id)
    if run.finished_at is not None:
        facts = {"source": run.source, "state": run.state, "dry_run": run.options.dry_run}
        log.info("etl.run_finished", run_id=run_id, **facts, **run.counts.model_dump())
    return run


class _Attempt:
    """One attempt at one run."""

    def __init__(self, claim: Claim, run: EtlRun, source: SourceSettings, environment: RunEnvironment) -> None:
        self._claim = claim
        self._run = run
        self._source = source
        self._environment = environment
        self._database = environment.database
        self._settings = environment.settings
        # A dry run has written nothing, so it starts anew; its difference must be whole.
        start = Checkpoint() if run.options.dry_run else run.checkpoint
        self._progress = Progress(start, environment.on_progress)
        self._meter = Meter(time.monotonic)
        self._reading = Reading(claim, run, source, environment.database, environment.settings)

    async def finish(self) -> None:
        """Do the work and write its result into the ledger."""
        try:
            window = await self._while_leased(self._read_until_stalled())
            self._meter.enter(RunPhase.COMMITTING)
            result = ledger.RunResult(
                watermark=next_watermark(window, self._run.options),
                is_full=self._run.options.full,
                memory=self._reading.memory,
                run_facts={**run_facts(self._reading.guards), "left_out_known": self._reading.left_out_known},
                source_facts=source_facts(self._reading.guards, self._run),
            )
            await ledger.commit(self._database, self._claim, self._progress.checkpoint, result)
            await forget_readings(self._database, self._run, self._reading.guards)
            await note_mapping(
                self._database,
                self._claim.source,
                self._source,
                options=self._run.options,
                is_whole_reading=self._reading.is_full_read and self._run.fence == 1,
            )
        except LeaseLostError:
            await ledger.count_cancelled(self._database, self._claim, self._progress.final)
            raise
        except RetryableError as exc:
            await self._put_off(exc)
        except DocustoreError as exc:
            await self._fail(exc)
        except asyncio.CancelledError:
            # The worker was told to stop. The run is due again at once, for any other worker.
            await asyncio.shield(self._give_back())
            raise
        except Exception as exc:
            if isinstance(exc, PyMongoError) and (transient := unavailability(exc)) is not None:
                await self._put_off(transient)
                return
            log.exception("etl.run_crashed", run_id=str(self._claim.run_id))
            await self._fail(f"unexpected {type(exc).__name__}; see the worker's log for details")
            raise

    async def _read_until_stalled(self) -> Window:
        """End an attempt without progress, such as a body that comes byte by byte."""
        limit_s = self._settings.etl_stalled_s
        loop = asyncio.get_running_loop()
        deadline = asyncio.timeout(limit_s)
        self._progress.on_movement = lambda: deadline.reschedule(loop.time() + limit_s)
        try:
            async with deadline:
                return await self._reading.read_and_store(self._progress, self._meter)
        except TimeoutError as exc:
            if not deadline.expired():
                raise
            reason = f"no record was read or stored for {limit_s} seconds"
            raise SourceUnavailableError(source=self._claim.source, reason=reason) from exc

    async def _while_leased(self, work: Awaitable[Window]) -> Window:
        working = asyncio.ensure_future(work)
        renewing = asyncio.create_task(self._renew_forever())
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if renewing.done():
                renewing.result()
            return await working
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)

    async def _renew_forever(self) -> None:
        lease_s = self._settings.etl_lease_s
        while True:
            await asyncio.sleep(min(lease_s / 3, CHECKPOINT_S))
            checkpoint = self._meter.stamped(self._progress.checkpoint)
            if self._environment.on_step is not None and checkpoint.progress is not None:
                self._environment.on_step(checkpoint.progress)
            try:
                await ledger.save_checkpoint(self._database, self._claim, checkpoint, lease_s=lease_s)
            except PyMongoError as exc:
                # A lease that is not renewed in time expires. The fence then refuses the commit.
                if not is_transient(exc):
                    raise

    async def _put_off(self, error: RetryableError) -> None:
        is_last = self._run.attempts >= self._settings.etl_max_attempts or self._environment.is_last_resort
        if is_last:
            await self._fail(error)
            return
        wait = error.retry_after or PUT_OFF * self._run.attempts
        await self._release(error=str(error), not_before=datetime.now(UTC) + wait)

    async def _give_back(self) -> None:
        if self._environment.is_last_resort:
            await self._fail("interrupted")
        else:
            await self._release(error="interrupted", not_before=None, is_attempt=False)

    async def _fail(self, error: Exception | str) -> None:
        await remember_hold(self._database, self._run, self._reading.guards, now=now_utc())
        await ledger.fail(
            self._database,
            self._claim,
            self._progress.final,
            error=str(error),
            failure=type(error).__name__ if isinstance(error, Exception) else None,
            run_facts=run_facts(self._reading.guards),
        )

    async def _release(self, *, error: str, not_before: datetime | None, is_attempt: bool = True) -> None:
        await ledger.release(
            self._database,
            self._claim,
            self._progress.checkpoint,
            error=error,
            not_before=not_before,
            is_attempt=is_attempt,
        )
        log.info("etl.run_put_off", run_id=str(self._claim.run_id), source=self._claim.source, reason=error)
