"""A minimal HTTP client that measures the request rate of a server.

It uses kept-alive connections.

A full HTTP client uses several times the processor time of the server: the benchmark would measure the client.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from typing import Final, cast

CONNECTIONS: Final = 32
WARM_UP_S: Final = 0.5
MEASURED_S: Final = 3.0
SLOWEST_ANSWER_S: Final = 60.0
_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_OK: Final = b"HTTP/1.1 200"


class UnexpectedResponseError(Exception):
    """The server did not answer 200, so the measurement is invalid."""


@dataclass(slots=True, kw_only=True)
class _Client(asyncio.Protocol):
    """One connection that sends its requests one after another.

    It sends the next request as soon as the last answer is complete. It closes after the last request.
    """

    requests: Iterator[bytes]
    failed: asyncio.Future[None]
    answered: int = 0
    transport: asyncio.Transport | None = None
    received: bytearray = field(default_factory=bytearray)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The transports of uvloop have the methods of `asyncio.Transport`, but not the class.
        self.transport = cast("asyncio.Transport", transport)
        self._send_next()

    def data_received(self, chunk: bytes) -> None:
        self.received += chunk
        head = self.received.find(_END_OF_HEAD)
        if head < 0 or len(self.received) < head + len(_END_OF_HEAD) + self._body_bytes(head):
            return
        if not self.received.startswith(_OK):
            self._fail(UnexpectedResponseError(bytes(self.received[:300])))
            return
        self.received.clear()
        self.answered += 1
        self._send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self._fail(exc or ConnectionResetError("the server closed the connection"))
        self.closed.set()

    def finish(self) -> None:
        """Send no further request; close after the answer in flight."""
        self.requests = iter(())

    def abort(self) -> None:
        """Close at once; a closed connection stays closed."""
        if self.transport is not None:
            self.transport.abort()

    def _send_next(self) -> None:
        assert self.transport is not None
        message = next(self.requests, None)
        if message is None:
            self.transport.close()
        else:
            self.transport.write(message)

    def _body_bytes(self, head: int) -> int:
        start = self.received.lower().find(_LENGTH, 0, head) + len(_LENGTH)
        return int(self.received[start : self.received.find(b"\r\n", start)])

    def _fail(self, error: Exception) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)


async def requests_per_s(port: int, paths: Sequence[str], *, headers: Mapping[str, str]) -> float:
    """Send GET requests for the paths in turn; return the requests per second.

    Uses `CONNECTIONS` connections for `MEASURED_S` seconds. If no request was answered by then, the measurement
    continues up to `SLOWEST_ANSWER_S` seconds.

    Raises:
        UnexpectedResponseError: An answer was not 200.
        ConnectionError: The server closed a connection.
        TimeoutError: The server answered no request.
    """
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    messages = [f"GET {path} HTTP/1.1\r\nHost: bench\r\n{lines}\r\n".encode() for path in paths]
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    clients = [
        # Each connection starts at another path, so that no two request the same path at the same time.
        _Client(requests=islice(cycle(messages), number * len(messages) // CONNECTIONS, None), failed=failed)
        for number in range(CONNECTIONS)
    ]
    try:
        for client in clients:
            await loop.create_connection(partial(_same_client, client), "127.0.0.1", port)
        await _wait_or_raise(failed, WARM_UP_S)
        before, started = _answered(clients), time.perf_counter()
        answered, elapsed_s = 0, 0.0
        while not answered and elapsed_s < SLOWEST_ANSWER_S:
            await _wait_or_raise(failed, MEASURED_S)
            answered, elapsed_s = _answered(clients) - before, time.perf_counter() - started
        for client in clients:
            client.finish()
        async with asyncio.timeout(SLOWEST_ANSWER_S):
            await asyncio.gather(*(client.closed.wait() for client in clients))
    finally:
        failed.cancel()
        for client in clients:
            client.abort()
    if not answered:
        raise TimeoutError(f"no answer within {elapsed_s:.1f} s")
    return answered / elapsed_s


def _answered(clients: Sequence[_Client]) -> int:
    return sum(client.answered for client in clients)


def _same_client(client: _Client) -> _Client:
    return client


async def _wait_or_raise(failed: asyncio.Future[None], seconds: float) -> None:
    done, _ = await asyncio.wait([failed], timeout=seconds)
    if done:
        failed.result()
