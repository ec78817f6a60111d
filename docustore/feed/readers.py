"""The open readers of a process, their limits, and the ones that must end."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from docustore.errors import FeedBusyError, StreamQuotaError, UnauthenticatedError
from docustore.feed.options import FeedOptions
from docustore.feed.reader import CloseReason, Reader
from docustore.security.api_keys import Principal
from docustore.security.key_ring import Credential

log = structlog.get_logger()

Prove = Callable[[Credential], Awaitable[Principal]]
# Then the client connects again. A proxy in between may have been forgotten by then.
LONGEST_S: Final = 6 * 3600.0
# A write that takes longer is the reader's own fault, and no other reader waits for it.
STUCK_S: Final = 1.0


class Readers:
    """The readers that are open; `ended` counts those that are not, by reason."""

    def __init__(self, options: FeedOptions) -> None:
        self.ended: Counter[CloseReason] = Counter()
        self.resets = 0
        self.is_closed = False
        self._options = options
        self._open: set[Reader] = set()
        self._by_key: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Reader]:
        return iter(tuple(self._open))

    def require_room(self, key_id: str) -> None:
        """Refuse one more reader when a limit is reached.

        Raises:
            FeedBusyError: The process has its number of readers, or it stops.
            StreamQuotaError: The key has its number of readers.
        """
        if self.is_closed or len(self._open) >= self._options.max_readers:
            raise FeedBusyError(limit=self._options.max_readers)
        if self._by_key[key_id] >= self._options.max_readers_per_key:
            raise StreamQuotaError(limit=self._options.max_readers_per_key)

    @contextmanager
    def entered(self, reader: Reader) -> Iterator[None]:
        """Count a reader while the block runs."""
        self._open.add(reader)
        self._by_key[reader.key_id] += 1
        try:
            yield
        finally:
            self._open.discard(reader)
            self._by_key[reader.key_id] -= 1
            if not self._by_key[reader.key_id]:
                del self._by_key[reader.key_id]
            self._note_end(reader)

    def wake_all(self) -> None:
        """Let every reader look for new events."""
        for reader in self._open:
            reader.wake()

    def note_restart(self) -> None:
        """Let every reader look anew: the ring continues at another place."""
        for reader in self:
            reader.is_live = False
        self.wake_all()

    def are_on_their_way(self, start: int) -> bool:
        """Tell whether live readers are before an id and still take events."""
        stuck_since = time.monotonic() - STUCK_S
        return any(
            reader.is_live
            and reader.after < start
            and (reader.writing_since is None or reader.writing_since > stuck_since)
            for reader in self._open
        )

    def close_all(self, reason: CloseReason) -> None:
        """End every stream, and take no new reader."""
        self.is_closed = True
        for reader in self:
            reader.close(reason)

    def tend(self, now: float) -> None:
        """Wake the readers that hear nothing, and end those that are slow or old."""
        for reader in self:
            if reader.writing_since is not None:
                if now - reader.writing_since > self._options.write_timeout_s and reader.task is not None:
                    reader.close(CloseReason.SLOW)
                    reader.task.cancel()
            elif now - reader.opened_at > LONGEST_S:
                reader.close(CloseReason.LIFETIME)
            elif now >= reader.due_at:
                reader.wake()

    async def check_keys(self, prove: Prove) -> None:
        """End the streams whose key or session is no longer valid.

        Raises:
            PyMongoError: The store does not answer; the other streams stay open.
        """
        for credential in {reader.credential for reader in self if reader.credential is not None}:
            try:
                await prove(credential)
            except UnauthenticatedError:
                for reader in self:
                    if reader.credential == credential:
                        reader.close(CloseReason.UNAUTHORISED)

    def _note_end(self, reader: Reader) -> None:
        reason = reader.closing or CloseReason.LEFT
        self.ended[reason] += 1
        level = log.warning if reason is CloseReason.SLOW else log.debug
        level(
            "feed.reader_closed",
            reason=reason.value,
            key_id=reader.key_id,
            after=reader.after,
            duration_s=round(time.monotonic() - reader.opened_at, 1),
        )
