"""A loopback proxy in front of a server, for cutting connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self


class TcpProxy:
    """A proxy that forwards every connection to one address until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._ends: set[_End] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self.port = 0
        # A server that is down: new connections end at once.
        self.is_down = False

    def cut(self) -> int:
        """Abort every connection at once; return the number of their ends."""
        for end in self._ends:
            end.transport.abort()
        return len(self._ends)

    def accept(self) -> "_End":
        """Return the end for a new client."""
        return _Client(self)

    def add(self, end: "_End") -> None:
        self._ends.add(end)

    def discard(self, end: "_End") -> None:
        self._ends.discard(end)

    def connect(self, client: "_End") -> None:
        """Open the connection to the server for this client."""
        task = asyncio.create_task(self._connect(client))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def close(self) -> None:
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        self.cut()
        # The loop tells the ends in its next round.
        await asyncio.sleep(0)

    async def _connect(self, client: "_End") -> None:
        try:
            _, server = await asyncio.get_running_loop().create_connection(lambda: _End(self), *self._target)
        except OSError:  # the server is down
            client.transport.abort()
            return
        client.join(server)


class _End(asyncio.Protocol):
    """One end of a connection; the other end sends what this one receives.

    Protocols instead of streams: all traffic of a replica set may pass here, at a third of the cost.
    """

    transport: asyncio.Transport

    def __init__(self, proxy: TcpProxy) -> None:
        self._proxy = proxy
        self._other: Self | None = None
        # Older versions of asyncio read once more after a pause that comes with the connection.
        self._early = b""

    def join(self, other: Self) -> None:
        self._other, other._other = other, self
        if self.transport.is_closing():
            other.transport.abort()
        for end, sink in ((self, other), (other, self)):
            if end._early:
                sink.transport.write(end._early)
        self.transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._proxy.add(self)

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            self._early += data
        else:
            self._other.transport.write(data)

    def pause_writing(self) -> None:
        if self._other is not None:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None:
            self._other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the base class names it
        self._proxy.discard(self)
        if self._other is not None:
            self._other.transport.abort()


class _Client(_End):
    """The end of a client, which waits for the connection to the server."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._proxy.is_down:
            self.transport.abort()
            return
        self.transport.pause_reading()
        self._proxy.connect(self)


@asynccontextmanager
async def tcp_proxy(host: str, port: int) -> AsyncIterator[TcpProxy]:
    proxy = TcpProxy(host, port)
    server = await asyncio.get_running_loop().create_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await server.wait_closed()
