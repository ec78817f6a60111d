"""Follow the changes of users from another program.

    async for change in follow("https://users.example.org", key, after=stored_id):
        await apply(change)         # `change.user` is the user now, None if it is deleted
        await store(change.id)      # where the next start continues

Every change comes exactly once and in order, over lost connections, restarts and failures of the server: `follow`
connects again, with a growing pause, and continues after the last change. Store `change.id` together with your own
work, and a restart of your program continues there as well.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import httpx2
import msgspec

from docustore.errors import FeedRefusedError, FeedResetError
from docustore.feed.event_parser import EventParser, ServerSentEvent

CONNECT_TIMEOUT_S: Final = 15.0
# Until `ready`; from then on the server's own heartbeat counts.
READY_TIMEOUT_S: Final = 30.0
MISSED_HEARTBEATS: Final = 3
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 30.0
_RETRIED: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, *(s for s in HTTPStatus if s >= 500)}  # noqa: PLR2004
)


class Change(msgspec.Struct, frozen=True):
    """One change of one user.

    `id` grows by one with each change of the store. `operation` is `insert`, `update`, `delete`, `restore`,
    `snapshot` or `recovered`. `changed` names the fields of an update. `user` is the user after the change as
    `GET /users/{id}` shows it, None if it is deleted. `omitted` names what could not be shown.
    """

    id: int
    operation: str
    user_id: str
    at: datetime
    source: str
    changed: list[str]
    user: dict[str, Any] | None
    cause: dict[str, str] | None = None
    omitted: list[str] = []
    approximate: bool = False


class Reset(msgspec.Struct, frozen=True):
    """The changes after your last one are not available: read all users again.

    The changes after `after` follow. `reason` is `removed` (history was removed) or `unknown` (another history).
    """

    after: int
    reason: str


OnReset = Callable[[Reset], Awaitable[None]]


async def follow(
    url: str,
    key: str,
    *,
    after: int | None = None,
    user_id: str | None = None,
    operations: Iterable[str] = (),
    fields: Iterable[str] = (),
    on_reset: OnReset | None = None,
) -> AsyncGenerator[Change, None]:
    """Yield every change after an id, for ever; reconnect as needed.

    Args:
        url: The address of the API, such as `https://users.example.org`.
        key: An API key with the scope `read`.
        after: The id of your last change; None = start now.
        operations: Only these.
        fields: Only updates of these fields; other operations come too.
        on_reset: Called when changes are missing; read all users again there.

    Raises:
        FeedRefusedError: The server refuses the request: the key or a parameter is not valid.
        FeedResetError: Changes are missing, and there is no `on_reset`.
    """
    parameters = {"user_id": user_id, "operation": ",".join(operations), "field": ",".join(fields)}
    given = {name: value for name, value in parameters.items() if value}
    place = _Place(after=after)
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
    timeout = httpx2.Timeout(CONNECT_TIMEOUT_S, read=None)
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=timeout) as client:
        while True:
            async with aclosing(_connected(client, given, place)) as events:
                async for event in events:
                    if isinstance(event, Change):
                        yield event
                        place.after = event.id
                    elif on_reset is None:
                        raise FeedResetError(reason=event.reason, after=event.after)
                    else:
                        await on_reset(event)
                        place.after = event.after
            await asyncio.sleep(place.pause_s())


@dataclass(slots=True)
class _Place:
    """Where the next connection continues, and after which pause."""

    after: int | None
    failures: int = 0
    wait_s: float | None = field(default=None)

    def pause_s(self) -> float:
        """Return the pause that the server asked for, else a growing random one."""
        asked, self.wait_s = self.wait_s, None
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self.failures, 16))
        self.failures += 1
        # Random: many clients lose their connections at the same time.
        jitter = random.uniform(0.0, longest)  # noqa: S311  # no secret
        return jitter if asked is None else asked + jitter


async def _connected(
    client: httpx2.AsyncClient, parameters: Mapping[str, str], place: _Place
) -> AsyncGenerator[Change | Reset, None]:
    """Yield the events of one connection; return when it ends."""
    headers = {} if place.after is None else {"Last-Event-ID": str(place.after)}
    try:
        async with client.stream("GET", "/changes", params=parameters, headers=headers) as response:
            if not await _is_open(response, place):
                return
            async for event in _events(response):
                if (found := _noted(event, place)) is not None:
                    yield found
    except (httpx2.TransportError, TimeoutError):
        return


async def _is_open(response: httpx2.Response, place: _Place) -> bool:
    """Tell whether the stream is open; False = connect again later.

    Raises:
        FeedRefusedError: A retry does not help.
    """
    if response.status_code in _RETRIED:
        asked = response.headers.get("retry-after", "")
        place.wait_s = float(asked) if asked.isdecimal() else None
        return False
    if response.status_code == HTTPStatus.OK:
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            return True
        raise FeedRefusedError(
            status=response.status_code, detail="the answer is no stream of events; check the URL"
        )
    raise FeedRefusedError(status=response.status_code, detail=_detail(await response.aread()))


async def _events(response: httpx2.Response) -> AsyncIterator[ServerSentEvent]:
    parser, patience_s = EventParser(), READY_TIMEOUT_S
    chunks = aiter(response.aiter_bytes())
    while True:
        try:
            async with asyncio.timeout(patience_s):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        for event in parser.feed(chunk):
            if event.name == "ready":
                patience_s = MISSED_HEARTBEATS * float(msgspec.json.decode(event.data)["heartbeat_s"])
            yield event


def _noted(event: ServerSentEvent, place: _Place) -> Change | Reset | None:
    """Note where the stream is; return what the caller gets."""
    place.failures = 0
    match event.name:
        case "change":
            change = msgspec.json.decode(event.data, type=Change)
            return None if place.after is not None and change.id <= place.after else change
        case "reset":
            return msgspec.json.decode(event.data, type=Reset)
        case _:
            # `ready` and heartbeats: no change up to this id is missing.
            if event.id is not None and event.id.isdecimal():
                place.after = max(int(event.id), place.after or 0)
            return None


def _detail(body: bytes) -> str:
    try:
        problem = msgspec.json.decode(body)
        return str(problem["detail"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return "see the log of the API"
