"""The progress of a run as a stream of server-sent events.

One event per change, with a growing id: `progress` while the run can still change, and one `finished` with its
final state, which ends the stream. Comments keep a silent connection open. A client that reconnects gets the
present state first, so it misses nothing that matters.

See: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from docustore.errors import TooManyReadersError
from docustore.etl.ledger import get_run
from docustore.etl.run_record import shown_run

MEDIA_TYPE: Final = "text/event-stream"
# A read by `_id`. The checkpoint is saved once a second, so more would show nothing new.
POLL_S: Final = 1.0
HEARTBEAT_S: Final = 15.0
# Then the client connects again, with its key checked again.
LONGEST_S: Final = 3600.0
MAX_READERS: Final = 50


class EventReaders:
    """The open streams of this process, at most `limit`."""

    def __init__(self, *, limit: int = MAX_READERS) -> None:
        self._limit = limit
        self._open = 0

    def require_room(self) -> None:
        """Refuse one more stream when the limit is reached.

        Raises:
            TooManyReadersError: The limit is reached.
        """
        if self._open >= self._limit:
            raise TooManyReadersError(limit=self._limit)

    async def follow(self, run_id: str, *, last_id: int = 0, poll_s: float = POLL_S) -> AsyncIterator[bytes]:
        """Yield the events of one run until it is finished.

        Args:
            last_id: The id after which the client continues; the next one is greater.
        """
        # Counted here and not where it was asked for: a client that hangs up before never gets here.
        self._open += 1
        try:
            async for event in _events(run_id, last_id=last_id, poll_s=poll_s):
                yield event
        finally:
            self._open -= 1


async def _events(run_id: str, *, last_id: int, poll_s: float) -> AsyncIterator[bytes]:
    began_at = said_at = time.monotonic()
    shown = None
    while time.monotonic() - began_at < LONGEST_S:
        run = await get_run(run_id)
        is_open = run.state.is_open
        data = shown_run(run).model_dump_json()
        if data != shown:
            shown, last_id, said_at = data, last_id + 1, time.monotonic()
            yield _event("progress" if is_open else "finished", last_id, data)
        if not is_open:
            return
        if time.monotonic() - said_at >= HEARTBEAT_S:
            said_at = time.monotonic()
            yield b": the run goes on\n\n"
        await asyncio.sleep(poll_s)


def _event(name: str, number: int, data: str) -> bytes:
    return f"event: {name}\nid: {number}\ndata: {data}\n\n".encode()
