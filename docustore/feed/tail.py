"""The one reader of history of a process: it fills the ring for all readers.

It asks for the committed number every few milliseconds and then reads the new rows. Each question stands alone, so
an election or a lost connection costs a pause and never a row: the next question continues after the last event.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from docustore.database import Database
from docustore.feed.events import FeedEvent, feed_event
from docustore.feed.options import FeedOptions
from docustore.feed.readers import Readers
from docustore.feed.ring import Ring
from docustore.feed.rows import committed_seq, dense, rows_after
from docustore.transient import is_transient

log = structlog.get_logger()

# Between two questions. An idle feed asks less often.
POLL_S: Final = 0.01
IDLE_POLL_S: Final = 0.04
IDLE_AFTER_S: Final = 1.0
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 5.0
HELD_POLL_S: Final = 0.005
PAGE_ROWS: Final = 1000
# Read at the start, so that readers who reconnect to a new process continue from memory.
PRELOADED_ROWS: Final = 2000


class Tail:
    """Follows committed history; wakes the readers after each growth of the ring.

    `started` is set by the first committed number. `failing_since` is the time of the first of the
    failures since the last success.
    """

    def __init__(self, database: Database, ring: Ring, readers: Readers, options: FeedOptions) -> None:
        self.started = asyncio.Event()
        self.failing_since: float | None = None
        self._database = database
        self._ring = ring
        self._readers = readers
        self._options = options
        self._page_rows = max(1, min(PAGE_ROWS, options.max_events // 4))
        self._strange_since: float | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow until stopped."""
        pause_s, moved_at = FIRST_PAUSE_S, time.monotonic()
        while not stopping.is_set():
            try:
                has_moved = await self.advance()
            except PyMongoError as exc:
                self._note_failure(exc, pause_s)
                await pause(pause_s, stopping)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            self.failing_since, pause_s = None, FIRST_PAUSE_S
            now = time.monotonic()
            if has_moved:
                moved_at = now
                # The readers run now. A rest of the same length leaves half of the processor to the requests.
                await asyncio.sleep(0)
            rest_s = POLL_S if now - moved_at < IDLE_AFTER_S else IDLE_POLL_S
            await pause(max(rest_s, time.monotonic() - now), stopping)

    async def advance(self) -> bool:
        """Read what was committed since the last time; tell whether anything was.

        Raises:
            PyMongoError: Nothing is lost; call it again.
        """
        seq = await committed_seq(self._database)
        if not self.started.is_set():
            await self._start(seq)
            return True
        if seq == self._ring.end:
            self._strange_since = None
            return False
        if seq < self._ring.end:
            # An old primary that does not know yet that it is none; or a restored backup.
            return await self._restarted(reason="history_went_back")
        return await self._read_up_to(seq)

    async def _start(self, seq: int) -> None:
        start = max(0, seq - PRELOADED_ROWS)
        self._ring.restart(start)
        rows = await rows_after(self._database, start, up_to=seq, limit=PRELOADED_ROWS)
        found = dense(rows, after=start)
        if len(found) == seq - start:
            self._ring.append([feed_event(row) for row in found])
        else:
            self._ring.restart(seq)
        self.started.set()
        self._readers.wake_all()

    async def _read_up_to(self, seq: int) -> bool:
        before = self._ring.end
        while self._ring.end < seq:
            rows = await rows_after(self._database, self._ring.end, up_to=seq, limit=self._page_rows)
            found = dense(rows, after=self._ring.end)
            if not found:
                # A new primary may not know yet how much is committed; or rows are gone.
                return await self._restarted(reason="history_has_a_hole") or self._ring.end > before
            self._strange_since = None
            await self._append([feed_event(row) for row in found])
        return True

    async def _append(self, events: Sequence[FeedEvent]) -> None:
        """Add events once the readers have room for them.

        A load of many users must not make a slow reader of each one: the tail waits for those that are on their
        way. A reader that holds the others up for too long falls behind the ring.
        """
        start, deadline = self._ring.start_with(events), time.monotonic() + self._options.hold_s
        while self._readers.are_on_their_way(start) and time.monotonic() < deadline:  # noqa: ASYNC110  # many
            await asyncio.sleep(HELD_POLL_S)
        self._ring.append(events)
        self._readers.wake_all()

    async def _restarted(self, *, reason: str) -> bool:
        """Continue at the committed number if history stays strange for some seconds."""
        now = time.monotonic()
        if self._strange_since is None:
            self._strange_since = now
        if now - self._strange_since < self._options.grace_s:
            return False
        seq = await committed_seq(self._database, is_confirmed=True)
        log.warning("feed.restarted", reason=reason, after=self._ring.end, at=seq)
        self._strange_since = None
        self._ring.restart(seq)
        self._readers.note_restart()
        return True

    def _note_failure(self, error: PyMongoError, retry_in_s: float) -> None:
        if self.failing_since is None:
            self.failing_since = time.monotonic()
            level = log.warning if is_transient(error) else log.error
            level("feed.interrupted", error=type(error).__name__, retry_in_s=retry_in_s)


async def pause(seconds: float, stopping: asyncio.Event) -> None:
    """Sleep, or return at once when stopped."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
