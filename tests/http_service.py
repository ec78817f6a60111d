"""An HTTP service whose answers are set by the test."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

Query = Mapping[str, str]
# The pace and the promised length of an endless body.
TRICKLE_S = 0.05
ENDLESS_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the service.

    A `body` of another type than bytes is sent as JSON. `cut` closes the connection after half of the body.
    `endless` sends a space now and then after it, until the client has enough.
    """

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    endless: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; the names of the headers are lower-case."""

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class HttpService:
    url: str
    queries: list[Query]
    requests: list[Request] = field(default_factory=list)
    port: int = 0


@asynccontextmanager
async def http_service(
    answer: Callable[[Any], Answer],
    *,
    hold: Callable[[Query], Awaitable[object]] | None = None,
    by_request: bool = False,
    port: int = 0,
) -> AsyncIterator[HttpService]:
    """Serve on a loopback port, a free one by default, and record the received queries in order.

    Args:
        answer: Gets the query of a request, or the whole request if `by_request`.
        hold: Awaited before each answer.
    """
    service = HttpService(url="", queries=[])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that is killed ends its connection anywhere.
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await _received(reader)
            service.queries.append(request.query)
            service.requests.append(request)
            if hold is not None:
                await hold(request.query)
            answered = answer(request if by_request else request.query)
            writer.write(_encoded(answered))
            await writer.drain()
            while answered.endless and not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(TRICKLE_S)

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        service.port = server.sockets[0].getsockname()[1]
        service.url = f"http://127.0.0.1:{service.port}/users"
        yield service


async def _received(reader: asyncio.StreamReader) -> Request:
    head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    method, target, _ = head.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Request(method=method, path=parts.path, query=query, headers=headers, body=body)


def _encoded(answer: Answer) -> bytes:
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    length = len(body) + (ENDLESS_BYTES if answer.endless else 0)
    headers = {"content-length": str(length), "connection": "close", **answer.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    sent = body[: len(body) // 2] if answer.cut else body
    return f"HTTP/1.1 {answer.status} Reason\r\n{head}\r\n".encode("latin-1") + sent
