"""HTTP/1.1 and HTTP/2 on a plain socket, for requests that no well-behaved client sends."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)

# Far longer than any answer takes on a busy machine.
ANSWER_S = 60.0
TRICKLE_S = 0.1
Headers = Sequence[tuple[str, str]]


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Connection:
    """An open HTTP/1.1 connection: the request is sent as bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, method: str, path: str, headers: Headers) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        await self.send(f"{method} {path} HTTP/1.1\r\nHost: api.test\r\n{lines}\r\n".encode())

    async def answer(self) -> Answer:
        async with asyncio.timeout(ANSWER_S):
            status, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(status.split()[1]), headers, body)

    async def answer_while_sending(self, data: bytes) -> Answer:
        """Send the data again and again, slowly, until the server answers."""
        answering = asyncio.create_task(self.answer())
        while not answering.done():
            await self.send(data)
            await asyncio.wait({answering}, timeout=TRICKLE_S)
        return answering.result()

    async def is_closed_by_server(self) -> bool:
        """Wait until the server closes; False after the time of an answer."""
        try:
            async with asyncio.timeout(ANSWER_S):
                while await self.reader.read(65_536):
                    pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[Connection]:
    """Connect; the end of the block closes the connection, with no answer awaited.

    The server gets all that was sent before the end: an abort could discard it.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


@dataclass(slots=True)
class Http2Stream:
    """One request over HTTP/2 with prior knowledge; no `content-length` is added."""

    opened: Connection
    h2: H2Connection = field(default_factory=H2Connection)
    answer: Answer = field(default_factory=lambda: Answer(status=0))
    is_pinged: bool = False
    is_over: bool = False

    async def head(self, method: str, path: str, headers: Headers, *, ends: bool) -> Self:
        self.h2.initiate_connection()
        target = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "api.test")]
        self.h2.send_headers(1, [*target, *headers], end_stream=ends)
        await self._flush()
        return self

    async def send(self, data: bytes, *, ends: bool = False) -> None:
        """Send a part of the body, within the limits that the server sets."""
        while True:
            size = min(len(data), self.h2.local_flow_control_window(1), self.h2.max_outbound_frame_size)
            if size < len(data) and size == 0:
                await self._receive()
                continue
            part, data = data[:size], data[size:]
            self.h2.send_data(1, part, end_stream=ends and not data)
            await self._flush()
            if not data:
                return

    async def reset(self) -> None:
        """Reset the stream when the server has received all that was sent."""
        self.h2.ping(b"received")
        await self._flush()
        while not self.is_pinged:
            await self._receive()
        self.h2.reset_stream(1, ErrorCodes.CANCEL)
        await self._flush()

    async def answered(self) -> Answer:
        """Wait for the end of the stream; the status stays 0 if the server gives no answer."""
        async with asyncio.timeout(ANSWER_S):
            while not self.is_over:
                await self._receive()
        return self.answer

    async def _receive(self) -> None:
        received = await self.opened.reader.read(65_536)
        if not received:
            raise ConnectionError("the server closed the connection")
        for event in self.h2.receive_data(received):
            self._note(event)
        await self._flush()

    def _note(self, event: object) -> None:
        if isinstance(event, ResponseReceived):
            self.answer.headers = {_text(name): _text(value) for name, value in event.headers}
            self.answer.status = int(self.answer.headers[":status"])
        elif isinstance(event, DataReceived):
            self.answer.body += event.data
        elif isinstance(event, PingAckReceived):
            self.is_pinged = True
        elif isinstance(event, StreamEnded | StreamReset | ConnectionTerminated):
            self.is_over = True

    async def _flush(self) -> None:
        await self.opened.send(self.h2.data_to_send())


async def http2(
    port: int, method: str, path: str, headers: Headers = (), *, chunks: Sequence[bytes] = (), ends: bool = True
) -> Answer:
    """Send one request over HTTP/2 and wait for its answer.

    Args:
        chunks: The parts of the body; empty = the request ends with its headers.
        ends: False leaves the body open for ever.
    """
    async with connection(port) as opened:
        stream = await Http2Stream(opened).head(method, path, headers, ends=ends and not chunks)
        for number, chunk in enumerate(chunks, start=1):
            await stream.send(chunk, ends=ends and number == len(chunks))
        return await stream.answered()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
