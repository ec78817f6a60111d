"""Store a source's pages, several at a time.

Pages may finish in any order. The checkpoint moves over finished pages in the order of the source. Records are
counted as read here, before anything looks into them; their outcomes come from the store.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import stamina
from pymongo.errors import PyMongoError

from docustore.clock import now_utc
from docustore.errors import DocustoreError, RunError
from docustore.etl.batch import OUTSIDE_WINDOW, BatchResult, store_batch
from docustore.etl.context import RunContext
from docustore.etl.models import Checkpoint, Counts
from docustore.etl.plan import Outcome
from docustore.etl.sources.source import Page
from docustore.transient import is_transient, server_codes, unavailability

# The retries of one page cover about a minute of elections and restarts. Then the run is put off.
DATABASE_ATTEMPTS: Final = 12

# A run that is stopped waits this long for its pages in flight, so that their records are counted.
STOP_GRACE_S: Final = 3.0

ProgressListener = Callable[[Counts], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPage:
    """What the checkpoint needs of a page: its mark, its stamp, its records."""

    resume: str
    stamp: datetime
    read: int


# The pages being stored, oldest first, each with its task.
_InFlight = deque[tuple[ReadPage, asyncio.Task[BatchResult]]]


class Progress:
    """The checkpoint of a run, after the last page that is finished in order."""

    def __init__(self, checkpoint: Checkpoint, listener: ProgressListener | None = None) -> None:
        self.checkpoint = checkpoint
        self._listener = listener
        # The checkpoint stays before a held page. The counts of pages after it that are stored are only here.
        self.final = checkpoint
        self._is_held = False
        # Called when records arrive or are stored.
        self.on_movement: Callable[[], None] = _ignore

    def advance(self, page: ReadPage, result: BatchResult) -> None:
        """Move the checkpoint over the next page and report the new counts."""
        if page.read:
            self.on_movement()
        self._is_held = self._is_held or result.is_held
        last = self.final
        counts = last.counts.model_dump()
        counts["read"] += 0 if result.is_held else page.read - result.outside_window
        counts["warnings"] += result.warnings.total()
        for outcome, records in result.outcomes.items():
            counts[outcome.value] += records
        quality = Counter(last.quality)
        quality.update(result.reasons)
        quality.update(result.warnings)
        quality.update(result.judged)
        if result.outside_window:
            quality[OUTSIDE_WINDOW] += result.outside_window
        position, stamp = (last.position, last.stamp) if self._is_held else (page.resume, page.stamp)
        self.final = Checkpoint(
            position=position,
            stamp=stamp,
            counts=Counts(**counts),
            quality=dict(quality),
            unread=last.unread.plus(result.sampled, result.unread),
        )
        if not self._is_held:
            self.checkpoint = self.final
        if self._listener is not None:
            self._listener(self.final.counts)

    def reclassify(self, outcomes: Iterable[Outcome]) -> None:
        """Count records as updated that were counted as unchanged before."""
        updated = Counter(outcomes)[Outcome.UPDATED]
        counts = self.checkpoint.counts
        changed = {"unchanged": counts.unchanged - updated, "updated": counts.updated + updated}
        self.checkpoint = self.checkpoint.model_copy(update={"counts": counts.model_copy(update=changed)})
        self.final = self.checkpoint


async def store_pages(
    pages: AsyncIterator[Page], context: RunContext, progress: Progress, *, in_flight: int
) -> None:
    """Store every page, at most `in_flight` at a time.

    If the source fails or the run is stopped, the pages in flight are still stored, and the checkpoint covers
    them. A stopped run waits `STOP_GRACE_S` for them.

    Raises:
        DatabaseUnavailableError: MongoDB did not accept a page for about a minute.
        RunError: MongoDB refused a page for a reason that is not transient.
        DocustoreError: An error of the source.
        PyMongoError: An error of a source that reads MongoDB.
    """
    storing: _InFlight = deque()
    try:
        async for page in pages:
            if page.records:
                progress.on_movement()
            while len(storing) >= in_flight:
                await _finish_oldest(storing, progress)
            read = ReadPage(resume=page.resume, stamp=context.stamps.next(now_utc()), read=len(page.records))
            storing.append((read, asyncio.create_task(_retry_batch(page, context, stamp=read.stamp))))
        await _finish_all(storing, progress)
    except (DocustoreError, PyMongoError):
        await _finish_all(storing, progress)
        raise
    except asyncio.CancelledError:
        # A page that is stored and not counted would be missing in the counts of a cancelled run.
        await _finish_in_time(storing, progress)
        raise
    finally:
        for _, task in storing:
            task.cancel()
        await asyncio.gather(*(task for _, task in storing), return_exceptions=True)
        if isinstance(pages, AsyncGenerator):
            # Now, not when the collector finds it: it may hold a file or a connection.
            await pages.aclose()


def _ignore() -> None:
    pass


async def _finish_all(storing: _InFlight, progress: Progress) -> None:
    while storing:
        await _finish_oldest(storing, progress)


async def _finish_oldest(storing: _InFlight, progress: Progress) -> None:
    # Only the oldest page may move the checkpoint. A checkpoint past an unfinished page would lose that page.
    page, task = storing[0]
    # Shielded: a run that is stopped here still finishes the page.
    result = await asyncio.shield(task)
    storing.popleft()
    progress.advance(page, result)


async def _finish_in_time(storing: _InFlight, progress: Progress) -> None:
    tasks = [task for _, task in storing]
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_GRACE_S)
    with suppress(DocustoreError, PyMongoError):
        while storing and storing[0][1].done():
            await _finish_oldest(storing, progress)


async def _retry_batch(page: Page, context: RunContext, *, stamp: datetime) -> BatchResult:
    """Store a page as one batch; retry transient failures of MongoDB."""
    try:
        async for attempt in stamina.retry_context(
            on=is_transient, attempts=DATABASE_ATTEMPTS, timeout=None, wait_initial=0.1, wait_max=10.0
        ):
            with attempt:
                if attempt.num > 1:
                    context = replace(context, is_repeated=True)
                return await store_batch(page, context, stamp=stamp)
    except PyMongoError as exc:
        if (transient := unavailability(exc)) is not None:
            raise transient from exc
        raise RunError(
            f"MongoDB refused a page ({_reason(exc)}): look at the server's log, then run again"
        ) from exc
    raise AssertionError("unreachable: the loop returns or raises")


def _reason(error: PyMongoError) -> str:
    """Describe an error by its codes, because its text quotes every document."""
    codes = ", ".join(map(str, sorted(server_codes(error))))
    return f"server code {codes}" if codes else type(error).__name__
