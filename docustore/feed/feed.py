"""The feed of a process: one tail, one ring, any number of readers.

A reader takes what it wants from the ring at its own speed. One whose id is older than the ring reads pages of
history until it has caught up. One that had caught up and falls behind the ring is too slow, and is disconnected:
it continues by its last id.
"""

import asyncio
import time
from contextlib import suppress
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from docustore.database import Database
from docustore.errors import DatabaseUnavailableError
from docustore.feed.options import FeedOptions
from docustore.feed.pages import Pages
from docustore.feed.reader import Closed, CloseReason, Reader, Reset, ResetReason, Silence
from docustore.feed.readers import Prove, Readers
from docustore.feed.ring import Batch, Ring
from docustore.feed.rows import committed_seq
from docustore.feed.tail import Tail, pause
from docustore.feed.undisturbed import undisturbed
from docustore.transient import is_transient

log = structlog.get_logger()

Step = Batch | Reset | Closed | Silence
START_TIMEOUT_S: Final = 5.0
# Streams end within this time at a stop; a stuck one is cut off.
STOP_TIMEOUT_S: Final = 3.0
# The tail goes on for so long without a reader: the next one may be the same client.
LINGER_S: Final = 30.0
# After a failed read of a page. The stream stays open.
RETRY_S: Final = 0.5


class Feed:
    """Serves the readers of one process; use it in one event loop."""

    def __init__(self, database: Database, options: FeedOptions, *, prove: Prove | None = None) -> None:
        self.readers = Readers(options)
        self.ring = Ring(max_events=options.max_events, max_bytes=options.max_bytes)
        self.tail = Tail(database, self.ring, self.readers, options)
        self._database = database
        self._options = options
        self._prove = prove
        self._pages = Pages(database)
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._empty_since: float | None = None

    async def open(self, reader: Reader, *, after: int | None) -> None:
        """Place a reader before its first step.

        Count it first: see `Readers.entered`.

        Args:
            after: The id of its last event; None = it starts now.

        Raises:
            DatabaseUnavailableError: History cannot be read.
        """
        self._start()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self.tail.started.wait()
        except TimeoutError as exc:
            raise DatabaseUnavailableError("the history cannot be read; check MongoDB") from exc
        reader.after = self.ring.end if after is None else after

    async def step(self, reader: Reader) -> Step:
        """Wait for what the reader gets next, and move it on.

        Raises:
            PyMongoError: A non-retryable failure.
        """
        while True:
            try:
                step = await self._next(reader)
            except PyMongoError as exc:
                if not is_transient(exc):
                    raise
                log.warning("feed.page_not_read", error=type(exc).__name__)
                await asyncio.sleep(RETRY_S)
                step = None
            if step is not None:
                return step
            if time.monotonic() >= reader.due_at and reader.closing is None:
                return Silence()

    async def close(self) -> None:
        """End all streams, then the tail."""
        self.readers.close_all(CloseReason.SHUTDOWN)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while len(self.readers) and time.monotonic() < deadline:  # noqa: ASYNC110  # many tasks
            await asyncio.sleep(0.02)
        for reader in self.readers:
            if reader.task is not None:
                reader.task.cancel()
        await self._stop()

    async def _next(self, reader: Reader) -> Step | None:
        if reader.closing is not None:
            return Closed(reason=reader.closing)
        if reader.after > self.ring.end:
            return await self._beyond(reader)
        if reader.after < self.ring.start:
            return await self._behind(reader)
        reader.is_live = True
        batch = self.ring.batch(reader.after, reader.wanted)
        reader.after = batch.up_to
        if batch.events:
            return batch
        if reader.after == self.ring.end and time.monotonic() < reader.due_at:
            await reader.rest()
        return None

    async def _behind(self, reader: Reader) -> Step | None:
        if reader.is_live:
            reader.close(CloseReason.SLOW)
            return None
        page = await self._pages.read(reader.after, up_to=self.ring.end, wanted=reader.wanted)
        if page is None:
            return self._reset(reader, self.ring.end, ResetReason.REMOVED)
        reader.after = page.up_to
        return page if page.events else None

    async def _beyond(self, reader: Reader) -> Step | None:
        """Tell an id that history will have from one that it does not have."""
        seq = await undisturbed(committed_seq(self._database, is_confirmed=True))
        if seq < reader.after:
            return self._reset(reader, seq, ResetReason.UNKNOWN)
        if reader.after > self.ring.end:
            # The tail reads it within some milliseconds.
            await reader.rest()
        return None

    def _reset(self, reader: Reader, at: int, reason: ResetReason) -> Reset:
        self.readers.resets += 1
        reader.after, reader.is_live = at, False
        log.info("feed.reader_reset", reason=reason.value, key_id=reader.key_id, at=at)
        return Reset(at=at, reason=reason)

    def _start(self) -> None:
        self._empty_since = None
        if not self._tasks:
            self._stopping = asyncio.Event()
            self._tasks = [
                asyncio.create_task(self.tail.run(self._stopping)),
                asyncio.create_task(self._tend(self._stopping)),
            ]

    async def _stop(self) -> None:
        self._stopping.set()
        tasks, self._tasks = self._tasks, []
        others = [task for task in tasks if task is not asyncio.current_task()]
        # They end by themselves: the driver throws the connection of a cancelled read away.
        _, late = await asyncio.wait(others, timeout=STOP_TIMEOUT_S) if others else (set(), set())
        for task in late:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self.tail.started.clear()

    async def _tend(self, stopping: asyncio.Event) -> None:
        checked_at = time.monotonic()
        while not stopping.is_set():
            await pause(self._options.tick_s, stopping)
            now = time.monotonic()
            self.readers.tend(now)
            if self._is_forsaken(now):
                await self._stop()
                return
            if self._prove is not None and now - checked_at >= self._options.keys_every_s:
                checked_at = now
                # A key that cannot be checked stays valid: the store may be in an election.
                with suppress(PyMongoError):
                    await self.readers.check_keys(self._prove)

    def _is_forsaken(self, now: float) -> bool:
        if len(self.readers):
            self._empty_since = None
            return False
        self._empty_since = self._empty_since or now
        return now - self._empty_since > LINGER_S
