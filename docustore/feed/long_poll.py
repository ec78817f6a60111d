"""The feed by long poll: the next changes as NDJSON, or a wait for them."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import msgspec

from docustore.errors import FeedBusyError, UnauthenticatedError
from docustore.feed.feed import Feed
from docustore.feed.filters import EVERYTHING
from docustore.feed.reader import Closed, CloseReason, Reader, Reset
from docustore.feed.ring import Batch, cut

# One answer; the next request continues.
MAX_ANSWER_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Some lines, and the id after which the next request continues."""

    lines: bytes
    after: int


async def answer(feed: Feed, reader: Reader, *, after: int | None, limit: int, wait_s: float) -> Answer:
    """Collect what there is, or wait until there is something.

    Raises:
        DatabaseUnavailableError: History cannot be read.
        FeedBusyError: The server stops.
        PyMongoError: A read failed for good.
        UnauthenticatedError: The key is no longer valid.
    """
    with feed.readers.entered(reader):
        await feed.open(reader, after=after)
        reader.due_at = time.monotonic() + wait_s
        timer = asyncio.get_running_loop().call_later(wait_s, reader.wake)
        try:
            return await _collected(feed, reader, limit=limit)
        finally:
            timer.cancel()


async def _collected(feed: Feed, reader: Reader, *, limit: int) -> Answer:
    parts: list[bytes] = []
    left, size_bytes = limit, 0
    while left > 0 and size_bytes < MAX_ANSWER_BYTES:
        step = await feed.step(reader)
        if isinstance(step, Reset):
            if not parts:
                parts.append(_reset_line(step))
                return Answer(lines=b"".join(parts), after=step.at)
            break
        if not isinstance(step, Batch):
            if isinstance(step, Closed) and not parts:
                raise _refusal(step)
            break
        if len(step.events) > left:
            step = cut(step.events, EVERYTHING, up_to=step.up_to, max_events=left, max_bytes=MAX_ANSWER_BYTES)
            reader.after = step.up_to
        parts.append(step.lines)
        left -= len(step.events)
        size_bytes += len(parts[-1])
        # From now on only what is there already.
        reader.due_at = 0.0
    return Answer(lines=b"".join(parts), after=reader.after)


def _reset_line(step: Reset) -> bytes:
    line = {"id": step.at, "operation": "reset", "reason": step.reason.value}
    return msgspec.json.encode(line) + b"\n"


def _refusal(step: Closed) -> Exception:
    return UnauthenticatedError() if step.reason is CloseReason.UNAUTHORISED else FeedBusyError(limit=0)
