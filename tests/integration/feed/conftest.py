"""A feed on an empty database, and readers of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from docustore.database import Database
from docustore.feed.feed import Feed
from docustore.feed.filters import EVERYTHING, FeedFilter
from docustore.feed.options import FeedOptions
from docustore.feed.reader import Reader
from docustore.feed.ring import Batch
from tests.waiting import PATIENCE_S

OPTIONS = FeedOptions(max_events=100, grace_s=0.1, tick_s=0.05, keys_every_s=0.05)


@pytest.fixture
async def feed(database: Database) -> AsyncIterator[Feed]:
    made = Feed(database, OPTIONS)
    yield made
    await made.close()


@contextmanager
def reading(feed: Feed, wanted: FeedFilter = EVERYTHING, *, key_id: str = "k1") -> Iterator[Reader]:
    reader = Reader(key_id=key_id, credential=None, wanted=wanted, due_at=time.monotonic() + PATIENCE_S)
    with feed.readers.entered(reader):
        yield reader


async def ids_until(feed: Feed, reader: Reader, last: int) -> list[int]:
    """Take batches until the reader has looked at an id; return the ids that it got."""
    found: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while reader.after < last:
            step = await feed.step(reader)
            assert isinstance(step, Batch), step
            found += [event.id for event in step.events]
    return found
