"""A cheap HTTP client for steady loads: kept-alive connections, answers with a length.

A full client takes several times the processor time of the API that it asks.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import msgspec

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"
_WITHOUT_BODY = frozenset({204, 304})


class Answer(NamedTuple):
    """The status and the body of one answer."""

    status_code: int
    content: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status_code < 300

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        return msgspec.json.decode(self.content)


class _Connection(asyncio.Protocol):
    """One connection; it sends one request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None
        self.is_lost = False

    async def send(self, message: bytes) -> Answer:
        assert self._transport is not None
        if self.is_lost:
            raise ConnectionResetError
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The transports of uvloop have the methods of `asyncio.Transport`, but not the class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_END_OF_HEAD)
        if end < 0:
            return
        status = int(self._received[9:12])
        begin = end + len(_END_OF_HEAD)
        size = 0 if status in _WITHOUT_BODY else _length_of(self._received[:end])
        if len(self._received) < begin + size:
            return
        answer = Answer(status, bytes(self._received[begin : begin + size]))
        self._received.clear()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())


class RawClient:
    """The connections to one process; a new one is opened if all are in use."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._port = port
        self._head = _lines({"host": "soak", **headers})
        self._idle: list[_Connection] = []

    async def request(
        self, method: str, path: str, *, json: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request.

        Raises:
            OSError: The connection is refused or lost before the answer is complete.
        """
        body = b"" if json is None else msgspec.json.encode(json)
        own = dict(headers or {})
        if json is not None:
            own |= {"content-type": "application/json", "content-length": str(len(body))}
        message = f"{method} {path} HTTP/1.1\r\n{self._head}{_lines(own)}\r\n".encode() + body
        connection = await self._connection()
        try:
            answer = await connection.send(message)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            connection.close()

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_lost:
                return connection
        _, made = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", self._port)
        return made


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _length_of(head: bytearray) -> int:
    start = head.lower().find(_LENGTH)
    assert start >= 0, bytes(head)
    value = head[start + len(_LENGTH) :]
    return int(value.partition(b"\r\n")[0])
