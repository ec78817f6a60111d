"""The feed as server-sent events: one response that lasts until one side ends it.

Every event has an id, also `ready`, `reset` and `closed`: a client that sends the last one as `Last-Event-ID`
continues after it. A heartbeat is a comment, with the id that was looked at last: a filter that matches nothing
for days leaves no old id behind.

See: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send
from pymongo.errors import PyMongoError

from docustore.feed.feed import Feed, Step
from docustore.feed.reader import Closed, Reader, Reset
from docustore.feed.ring import Batch

log = structlog.get_logger()

MEDIA_TYPE: Final = "text/event-stream"
# nginx would hold events back until its buffer is full.
HEADERS: Final = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
# Browsers wait so long before they reconnect. Not the same time for all: a restart ends all streams at once.
FIRST_RETRY_MS: Final = 500
RETRY_SPREAD_MS: Final = 2500


class EventStream(Response[bytes]):
    """A response with the events of one reader."""

    def __init__(self, feed: Feed, reader: Reader, *, heartbeat_s: float) -> None:
        super().__init__(b"", headers=HEADERS, media_type=MEDIA_TYPE)
        self._writer = StreamWriter(feed, reader, heartbeat_s=heartbeat_s)

    def to_asgi_response(self, *_: Any, headers: Mapping[str, str] | None = None, **__: Any) -> ASGIResponse:
        """Make the response that the server runs."""
        return _AsgiEventStream(self._writer, headers={**(headers or {}), **self.headers})


class _AsgiEventStream(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, writer: "StreamWriter", *, headers: dict[str, Any]) -> None:
        super().__init__(headers=headers, media_type=MEDIA_TYPE)
        self._writer = writer

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Write events until the reader or the server ends the stream."""
        writing = asyncio.create_task(self._writer.run(send))
        leaving = asyncio.create_task(_until_disconnected(receive))
        try:
            await asyncio.wait((writing, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            writing.cancel()
            leaving.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class StreamWriter:
    """Writes the events of one reader."""

    def __init__(self, feed: Feed, reader: Reader, *, heartbeat_s: float) -> None:
        self._feed = feed
        self._reader = reader
        self._heartbeat_s = heartbeat_s

    async def run(self, send: Send) -> None:
        """Write until the stream is closed."""
        reader = self._reader
        reader.task = asyncio.current_task()
        with self._feed.readers.entered(reader):
            await self._write(send, ready_event(reader.after, heartbeat_s=self._heartbeat_s))
            step: Step | None = None
            while not isinstance(step, Closed):
                try:
                    step = await self._feed.step(reader)
                except PyMongoError as exc:
                    log.error("feed.reader_failed", error=type(exc).__name__)  # noqa: TRY400  # it may quote a user
                    return
                await self._write(send, encoded(step, after=reader.after))

    async def _write(self, send: Send, body: bytes) -> None:
        reader = self._reader
        reader.writing_since = time.monotonic()
        await send({"type": "http.response.body", "body": body, "more_body": True})
        reader.writing_since = None
        reader.due_at = time.monotonic() + self._heartbeat_s


def ready_event(after: int, *, heartbeat_s: float) -> bytes:
    """Make the first event: the stream is open and starts after an id."""
    retry_ms = FIRST_RETRY_MS + random.randrange(RETRY_SPREAD_MS)  # noqa: S311  # spreads reconnects
    return b"retry: %d\n" % retry_ms + _event("ready", after, {"after": after, "heartbeat_s": heartbeat_s})


def encoded(step: Step, *, after: int) -> bytes:
    """Encode one step of a reader."""
    match step:
        case Batch():
            return step.server_sent
        case Reset():
            return _event("reset", step.at, {"after": step.at, "reason": step.reason.value})
        case Closed():
            return _event("closed", after, {"after": after, "reason": step.reason.value})
        case _:
            return b": heartbeat\nid: %d\n\n" % after


def _event(name: str, number: int, content: Mapping[str, object]) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (number, name.encode(), msgspec.json.encode(content))


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
