"""Changes of a collection of another MongoDB, by its change stream.

The first run reads all documents. Each later run reads the changes since the last successful run, with deletions,
and ends when there are no more. A position that the server no longer has leads to a full read, which misses
deletions. The id of a record is the `_id` of its document, because a deletion has nothing else.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import structlog
from bson import json_util
from pymongo.errors import PyMongoError

from docustore.clock import as_utc
from docustore.errors import SourceContentError
from docustore.etl.models import Window
from docustore.etl.sources.mongodb import Document, MongodbSource, document_page
from docustore.etl.sources.source import Page
from docustore.lost_position import is_position_lost

log: Final = structlog.get_logger()
# How long the server waits for another change before the stream counts as drained.
MAX_WAIT_MS: Final = 500
_WITH_DOCUMENT: Final = frozenset({"insert", "update", "replace"})
_ENDS: Final = frozenset({"drop", "rename", "dropDatabase", "invalidate"})


class MongodbLiveSource(MongodbSource):
    """The changes of one collection."""

    reads_window = False
    uses_own_ids = False
    _recalled: str | None = None
    _next: str | None = None

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Take the position after the last successful run."""
        self._recalled = memory.get("token")

    def to_remember(self) -> dict[str, Any] | None:
        """Return the position after this run."""
        return None if self._next is None else {"token": self._next}

    async def pages(self, window: Window, *, after: str | None) -> AsyncIterator[Page]:
        """Read all documents, or the changes since the position."""
        is_full, token, mark = json.loads(after) if after else (self._recalled is None, self._recalled, None)
        number = 0
        if not is_full and token is not None:
            try:
                async for page in self._changes(window, token, int(mark or 0)):
                    number = page.first + len(page.records) - 1
                    yield page
            except PyMongoError as exc:
                if not is_position_lost(exc, while_opening=True):
                    raise self._translated(exc) from exc
                log.warning("etl.position_lost", source=self._name, reason="a full read follows")
                token, mark = None, str(number)
                self.left_out_known = False
            else:
                return
        async for page in self._everything(window, token, mark):
            yield page

    async def _everything(self, window: Window, token: str | None, mark: str | None) -> AsyncIterator[Page]:
        if token is None:
            # Before the documents are read: changes during the reading are read again by the next run.
            token = await self._position()
            mark = self.start_after(int(mark or 0))
        async for page in super().pages(window, after=mark):
            yield replace(page, resume=json.dumps([True, token, page.resume]))
        self._next = token

    async def _position(self) -> str:
        try:
            async with await self._collection.watch(max_await_time_ms=1) as stream:
                await stream.try_next()
                return json_util.dumps(stream.resume_token)
        except PyMongoError as exc:
            raise self._translated(exc) from exc

    async def _changes(self, window: Window, token: str, number: int) -> AsyncIterator[Page]:
        self.left_out_known = True
        self._next = token
        options: Document = {"resume_after": json_util.loads(token), "batch_size": self._page_size}
        async with await self._collection.watch(
            full_document="updateLookup", max_await_time_ms=MAX_WAIT_MS, **options
        ) as stream:
            is_drained = False
            while not is_drained:
                events: list[Document] = []
                while len(events) < self._page_size and not is_drained:
                    event = await stream.try_next()
                    # A busy collection would never be drained.
                    is_drained = event is None or (window.until is not None and _time(event) > window.until)
                    if event is not None:
                        events.append(event)
                self._next = json_util.dumps(stream.resume_token)
                documents = [document for event in events if (document := self._document(event)) is not None]
                if documents:
                    resume = json.dumps([False, self._next, str(number + len(documents))])
                    yield document_page(documents, number + 1, resume, modified="", uses_own_ids=False)
                    number += len(documents)

    def _document(self, event: Document) -> Document | None:
        """Return the document after a change; None if a later change has deleted it."""
        operation = event["operationType"]
        if operation in _ENDS:
            problem = f"the collection ended ({operation}); run with --full when it is back"
            raise SourceContentError(source=self._name, problem=problem)
        time = {"modified_at": _time(event)}
        if operation == "delete":
            return {"_id": event["documentKey"]["_id"], "deleted": True, **time}
        document = event.get("fullDocument") if operation in _WITH_DOCUMENT else None
        return None if document is None else {**time, **document}


def _time(event: Mapping[str, Any]) -> datetime:
    return as_utc(event.get("wallTime") or event["clusterTime"].as_datetime())
