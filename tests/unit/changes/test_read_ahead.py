"""When the next events are read while a transaction is committed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from docustore.changes.gathering import Gathering
from docustore.changes.read_ahead import ReadAhead
from docustore.changes.stream import EventBatch
from tests.unit.changes.make import make_batch, make_event, token_at

FULL = 3


class Replies:
    """A reader; each reply is as many events as the test lets it have."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[int | Exception] = asyncio.Queue()
        self.reads = 0

    async def fetch(self) -> int:
        self.reads += 1
        reply = await self.waiting.get()
        if isinstance(reply, Exception):
            raise reply
        return reply

    def may_have_more(self, reply: int) -> bool:
        return reply >= FULL

    async def parse(self, reply: int) -> EventBatch:
        events = [make_event("insert", after={"_id": number}, seconds=1) for number in range(reply)]
        return make_batch(events, token=token_at(9), batch_size=FULL)


@asynccontextmanager
async def reading(replies: Any, *, max_events: int = 10) -> AsyncIterator[ReadAhead]:
    ahead = ReadAhead(
        replies, gather=lambda: Gathering((), max_events=10), max_events=max_events, is_over=lambda: False
    )
    async with ahead:
        yield ahead
        # Lets the read in flight end.
        replies.waiting.put_nowait(0)


async def turns() -> None:
    """Let every task go as far as it can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_full_reply_is_followed_by_a_read_at_once() -> None:
    replies = Replies()
    async with reading(replies):
        replies.waiting.put_nowait(FULL)
        await turns()

        assert replies.reads == 2


async def test_reply_with_all_events_is_followed_by_a_read_once_it_is_taken() -> None:
    replies = Replies()
    async with reading(replies) as ahead:
        replies.waiting.put_nowait(1)
        await turns()
        reads_before = replies.reads

        taken = await ahead.take()
        replies.waiting.put_nowait(2)
        later = await ahead.take()

        assert reads_before == 1
        assert (taken.events, later.events) == (1, 2)


async def test_replies_before_a_take_are_taken_together() -> None:
    replies = Replies()
    async with reading(replies) as ahead:
        for events in (FULL, FULL, 1):
            replies.waiting.put_nowait(events)
        await turns()

        assert (await ahead.take()).events == 2 * FULL + 1


async def test_full_buffer_stops_reading() -> None:
    replies = Replies()
    async with reading(replies, max_events=FULL) as ahead:
        for _ in range(3):
            replies.waiting.put_nowait(FULL)
        await turns()

        # One is in the buffer, one reply waits for room.
        assert replies.reads == 2
        assert (await ahead.take()).events == FULL
        assert (await ahead.take()).events == FULL


async def test_failed_read_is_raised_after_all_that_was_read() -> None:
    replies = Replies()
    async with reading(replies) as ahead:
        replies.waiting.put_nowait(FULL)
        replies.waiting.put_nowait(ConnectionResetError("cut"))
        await turns()

        assert (await ahead.take()).events == FULL
        with pytest.raises(ConnectionResetError):
            await ahead.take()
