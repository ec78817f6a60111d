"""Pages of history for readers that are older than the ring.

Many readers reconnect at once after a restart, so readers of all users share their pages, and few pages are read
at the same time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Final

from docustore.database import Database, Document
from docustore.feed.events import FeedEvent, feed_event
from docustore.feed.filters import FeedFilter
from docustore.feed.ring import Batch, cut
from docustore.feed.rows import is_removed, rows_after
from docustore.feed.undisturbed import started, undisturbed

PAGE_ROWS: Final = 500
KEPT_PAGES: Final = 16
READS_AT_ONCE: Final = 2

Events = Sequence[FeedEvent]


class Pages:
    """Reads history in pages; a page of all users starts at a multiple of its size."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Semaphore(READS_AT_ONCE)
        self._kept: OrderedDict[int, asyncio.Task[Events]] = OrderedDict()

    async def read(self, after: int, *, up_to: int, wanted: FeedFilter) -> Batch | None:
        """Return the next wanted events; None if history lacks the next event.

        Args:
            up_to: The committed number.

        Raises:
            PyMongoError: The page cannot be read.
        """
        if wanted.user is not None:
            return await undisturbed(self._of_user(wanted.user, after, up_to=up_to, wanted=wanted))
        start = after - after % PAGE_ROWS
        end = start + PAGE_ROWS
        events = [event for event in await self._page(start, up_to=min(end, up_to)) if event.id > after]
        if not events or events[0].id != after + 1:
            return None
        return cut(events, wanted, up_to=events[-1].id)

    async def _page(self, start: int, *, up_to: int) -> Events:
        """Read one page, once for all readers that wait for it.

        The last page of history grows: it is not kept.
        """
        is_full = up_to == start + PAGE_ROWS
        task = self._kept.get(start)
        if task is None:
            task = started(self._read(start, up_to=up_to))
            if is_full:
                self._kept[start] = task
                task.add_done_callback(lambda done: self._forget_failure(start, done))
                while len(self._kept) > KEPT_PAGES:
                    self._kept.popitem(last=False)
        # Shielded: a reader that leaves must not end the read of the others.
        return await asyncio.shield(task)

    def _forget_failure(self, start: int, task: asyncio.Task[Events]) -> None:
        is_whole = not task.cancelled() and task.exception() is None and len(task.result()) == PAGE_ROWS
        if not is_whole and self._kept.get(start) is task:
            del self._kept[start]

    async def _read(self, start: int, *, up_to: int) -> Events:
        async with self._turn:
            rows = await rows_after(self._database, start, up_to=up_to, limit=PAGE_ROWS)
        return [feed_event(row) for row in _unbroken_end(rows)]

    async def _of_user(self, user: Hashable, after: int, *, up_to: int, wanted: FeedFilter) -> Batch | None:
        async with self._turn:
            rows = await rows_after(self._database, after, up_to=up_to, limit=PAGE_ROWS, user=user)
            if after < up_to and await is_removed(self._database, after):
                return None
        if any(row["after_type"] == "missing" for row in rows):
            return None
        events = [feed_event(row) for row in rows]
        return cut(events, wanted, up_to=up_to if len(rows) < PAGE_ROWS else events[-1].id)


def _unbroken_end(rows: Sequence[Document]) -> Sequence[Document]:
    """Return the last rows that follow each other.

    The first rows of a page may be removed while its last ones are still there.
    """
    begin = len(rows)
    while begin and rows[begin - 1]["after_type"] != "missing":
        if begin < len(rows) and rows[begin - 1]["_id"] + 1 != rows[begin]["_id"]:
            break
        begin -= 1
    return rows[begin:]
