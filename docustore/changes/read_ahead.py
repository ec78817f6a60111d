"""Read ahead, and prepare the changes, during a transaction.

The server finds the next events, and their effects are made, while it commits the ones before.
"""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from docustore.changes.gathering import Gathering
from docustore.changes.stream import ChangeReader

# The limit of what waits in memory, beside the batch in progress and one reply in flight (16 MB at most).
MAX_BUFFERED_BYTES: Final = 8 * 1024 * 1024
# A read costs the server and this process about as much as three events. So a read that has found all events is
# followed by the next one late in the transaction: this share of the time that the last one took, and at most so
# long. The reply comes before the transaction ends.
READ_AFTER: Final = 0.5
LONGEST_PAUSE_S: Final = 0.02


class ReadAhead:
    """A task that reads an open stream while its buffer has room.

    `take` returns everything read so far, so small batches grow into large ones under a slow writer. On exit the
    read in flight is awaited, never cancelled: a cancellation would close the connection in the middle of a reply.

    Args:
        gather: Makes an empty buffer.
    """

    def __init__(
        self,
        reader: ChangeReader,
        *,
        gather: Callable[[], Gathering],
        max_events: int,
        is_over: Callable[[], bool],
    ) -> None:
        self._reader = reader
        self._gather = gather
        self._max_events = max_events
        self._gathered = gather()
        # Held while a batch is added: only whole batches are taken.
        self._adding = asyncio.Lock()
        self._is_over = is_over
        self._is_left = False
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._taken_at = time.monotonic()
        self._worked_s = 0.0

    async def __aenter__(self) -> Self:
        """Start reading."""
        self._task = asyncio.create_task(self._read())
        self._task.add_done_callback(lambda _: self._filled.set())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_left = True
        self._taken.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def take(self) -> Gathering:
        """Wait for a batch; return everything read since the last call.

        Raises:
            PositionLostError, EventTooLargeError, PyMongoError: The reader failed; every batch that it read
                before was taken.
        """
        self._worked_s = time.monotonic() - self._taken_at
        await self._filled.wait()
        async with self._adding:
            gathered, self._gathered = self._gathered, self._gather()
            if self._task is not None and not self._task.done():
                self._filled.clear()
            self._taken.set()
        self._taken_at = time.monotonic()
        if gathered.last is None:
            # The task has ended: only its end leaves the event set with an empty buffer.
            assert self._task is not None  # noqa: S101  # for mypy; take() is called inside the context
            await self._task
        return gathered

    async def _read(self) -> None:
        reading = asyncio.create_task(self._reader.fetch())
        try:
            while True:
                reply = await reading
                has_more = self._reader.may_have_more(reply)
                if has_more and not self._is_ending():
                    reading = asyncio.create_task(self._reader.fetch())
                    # Sends the request before this thread parses.
                    await asyncio.sleep(0)
                batch = await self._reader.parse(reply)
                async with self._adding:
                    await self._gathered.add(batch)
                    self._taken.clear()
                    self._filled.set()
                if self._is_ending() or batch.ending_operation is not None:
                    return
                if not has_more:
                    await self._pause()
                    if self._is_ending():
                        return
                    reading = asyncio.create_task(self._reader.fetch())
                while self._is_full() and not self._is_left:
                    await self._taken.wait()
        finally:
            await asyncio.gather(reading, return_exceptions=True)

    async def _pause(self) -> None:
        """Wait until the next transaction has begun, and for a part of it."""
        await self._taken.wait()
        if not self._is_left:
            await asyncio.sleep(min(READ_AFTER * self._worked_s, LONGEST_PAUSE_S))

    def _is_ending(self) -> bool:
        return self._is_left or self._is_over()

    def _is_full(self) -> bool:
        return self._gathered.events >= self._max_events or self._gathered.size_bytes >= MAX_BUFFERED_BYTES
