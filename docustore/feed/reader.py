"""One reader of the feed: where it is, what it wants, and how it ends."""

import asyncio
import time
from dataclasses import dataclass, field
from enum import StrEnum

from docustore.feed.filters import FeedFilter
from docustore.security.key_ring import Credential


class CloseReason(StrEnum):
    """Why the server ends a stream.

    `slow`: the reader takes less than is written. `shutdown`: the server stops. `unauthorised`: the key was
    revoked or has expired. `lifetime`: the stream is old. A client continues by its last id, except without a
    valid key. `left`: the client has hung up.
    """

    SLOW = "slow"
    SHUTDOWN = "shutdown"
    UNAUTHORISED = "unauthorised"
    LIFETIME = "lifetime"
    LEFT = "left"


class ResetReason(StrEnum):
    """Why a reader cannot continue after its id.

    `removed`: the history after it was removed or compacted. `unknown`: no event has this id yet; the history is
    another one, such as that of a restored backup.
    """

    REMOVED = "removed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The events after the reader's id are not available.

    The client reads all users again and continues after `at`.
    """

    at: int
    reason: ResetReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The server ends the stream."""

    reason: CloseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Nothing happened until the reader's `due_at`."""


@dataclass(slots=True, kw_only=True, eq=False)
class Reader:
    """The state of one reader.

    `after` is the id of the last event that it has, or that was looked at for it. `is_live` turns True
    once it has everything. `due_at` is the time at which it must hear of the silence.
    `writing_since` is the begin of a write that goes on. Times are those of the monotonic clock.
    """

    key_id: str
    credential: Credential | None
    wanted: FeedFilter
    after: int = 0
    due_at: float
    is_live: bool = False
    opened_at: float = field(default_factory=time.monotonic)
    writing_since: float | None = None
    closing: CloseReason | None = None
    task: asyncio.Task[object] | None = None
    _woken: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """Let the reader look again."""
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def close(self, reason: CloseReason) -> None:
        """End the stream at its next step; the first reason counts."""
        if self.closing is None:
            self.closing = reason
        self.wake()

    async def rest(self) -> None:
        """Wait until woken."""
        self._woken = asyncio.get_running_loop().create_future()
        try:
            await self._woken
        finally:
            self._woken = None
