"""Alerts: a message to each configured address when a person must act.

A plain http(s) URL gets a JSON POST: `{"event": "etl.overdue", "at": "2026-01-31T12:00:00Z", ...facts}`, without
personal data. Every other address, such as `mailto://` or `slack://`, is one of apprise's. A failed delivery is
logged as an error; it never stops the caller.
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import stamina
import structlog
from pydantic_core import to_json, to_jsonable_python

log: Final = structlog.get_logger()
TIMEOUT_S: Final = 5.0
# A new process, which imports apprise and its plugins: two seconds on an idle machine.
CHILD_TIMEOUT_S: Final = 20.0
ATTEMPTS: Final = 3
# TimeoutError: the client's timeout limits each read, so a slow response could last without end.
REFUSALS: Final = (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError)
# The exit codes of `docustore.alert_process`.
UNKNOWN_ADDRESS: Final = 2

Fact = str | int | float | datetime | None


class UndeliveredError(Exception):
    """One delivery failed; the message is short and contains no secret."""


async def alert(urls: Sequence[str], event: str, *, at: datetime, **facts: Fact) -> int:
    """Send one event to every address; return the number of successful deliveries.

    Takes less than 90 seconds in every case.
    """
    body = to_jsonable_python({"event": event, "at": at, **facts})
    return sum(await asyncio.gather(*(_deliver(url, body) for url in urls)))


async def send(url: str, body: Mapping[str, Any]) -> None:
    """Send one event to one address, once.

    Args:
        body: JSON values with `event` and `at`.

    Raises:
        UndeliveredError: The address did not take it.
    """
    if urlsplit(url).scheme in {"http", "https"}:
        await _post(url, body)
    else:
        await _in_child({"url": url, "title": f"docustore: {body['event']}", "body": text_of(body)})


async def check_address(url: str) -> None:
    """Check the form of an address; nothing is sent.

    Raises:
        UndeliveredError: No kind of delivery has such addresses.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        await _in_child({"url": url})
    elif not parts.hostname:
        raise UndeliveredError("the address names no host")


def text_of(body: Mapping[str, Any]) -> str:
    """Lay out the facts for people, one a line."""
    return "\n".join(f"{name}: {value}" for name, value in body.items() if value is not None)


def place_of(url: str) -> str:
    """Return scheme and host; the rest of an alert address is often a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a malformed address"
    # The host of an apprise address may be a token: `slack://TokenA/TokenB/TokenC`.
    return f"{parts.scheme}://{parts.hostname}" if parts.scheme in {"http", "https"} else f"{parts.scheme}://..."


async def _deliver(url: str, body: Mapping[str, Any]) -> bool:
    try:
        async for attempt in stamina.retry_context(on=UndeliveredError, attempts=ATTEMPTS, wait_max=1.0):
            with attempt:
                await send(url, body)
    except UndeliveredError as exc:
        log.error("alert.undelivered", alert_event=body["event"], place=place_of(url), reason=str(exc))  # noqa: TRY400
        return False
    return True


async def _post(url: str, body: Mapping[str, Any]) -> None:
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client, asyncio.timeout(TIMEOUT_S):
            response = await client.post(url, json=body)
    except REFUSALS as exc:
        raise UndeliveredError(type(exc).__name__) from exc
    if not response.is_success:
        raise UndeliveredError(f"status {response.status_code}")


async def _in_child(message: Mapping[str, str]) -> None:
    """Run apprise in a process of its own.

    It takes 50 MB, and its plugins block. The address goes through stdin: arguments are visible to others.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "docustore.alert_process", stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(CHILD_TIMEOUT_S):
            await child.communicate(to_json(message))
    except TimeoutError as exc:
        raise UndeliveredError("TimeoutError") from exc
    finally:
        with suppress(ProcessLookupError):
            child.kill()
    if child.returncode == UNKNOWN_ADDRESS:
        raise UndeliveredError("not an address that apprise knows")
    if child.returncode:
        raise UndeliveredError("refused")
