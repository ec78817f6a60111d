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
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import stamina
import structlog
from pydantic_core import to_json, to_jsonable_python

from docustore.post_failures import failure_text

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


async def send(url: str, body: Mapping[str, Any], *, child_timeout_s: float = CHILD_TIMEOUT_S) -> None:
    """Send one event to one address, once.

    Args:
        body: JSON values with `event` and `at`.
        child_timeout_s: The time that apprise's process may take.

    Raises:
        UndeliveredError: The address did not take it.
    """
    if is_http(url):
        await _post(url, body)
    else:
        message = {"url": url, "title": f"docustore: {body['event']}", "body": text_of(body)}
        await _in_child(message, timeout_s=child_timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A text file that goes with a mail."""

    name: str
    content: str


@dataclass(frozen=True, slots=True)
class Reached:
    """The recipients whose mail was taken, by index.

    `error` says why others are missing; None if none is.
    """

    indexes: tuple[int, ...]
    error: str | None = None


async def send_mails(
    url: str,
    recipients: Sequence[str],
    *,
    title: str,
    body: str,
    is_html: bool = False,
    attachment: Attachment | None = None,
    child_timeout_s: float = CHILD_TIMEOUT_S,
) -> Reached:
    """Send a mail to each recipient through one of apprise's addresses, once.

    Args:
        recipients: In the ASCII form of mail servers; no recipient of the address gets the mail.
    """
    message: dict[str, Any] = {
        "url": url,
        "to": list(recipients),
        "title": title,
        "body": body,
        "is_html": is_html,
    }
    if attachment is not None:
        message["attachment"] = {"name": attachment.name, "content": attachment.content}
    reached: list[int] = []
    try:
        await _in_child(message, timeout_s=child_timeout_s, reached=reached)
    except UndeliveredError as exc:
        return Reached(tuple(reached), str(exc))
    return Reached(tuple(reached), None if len(reached) == len(recipients) else "refused")


async def check_address(url: str, *, child_timeout_s: float = CHILD_TIMEOUT_S) -> None:
    """Check the form of an address; nothing is sent.

    Raises:
        UndeliveredError: No kind of delivery has such addresses.
    """
    if not is_http(url):
        await _in_child({"url": url}, timeout_s=child_timeout_s)
    elif _host_of(url) is None:
        raise UndeliveredError("the address names no host")


def text_of(body: Mapping[str, Any]) -> str:
    """Lay out the facts for people, one a line."""
    return "\n".join(f"{name}: {value}" for name, value in body.items() if value is not None)


def place_of(url: str) -> str:
    """Return scheme and host; the rest of an alert address is often a secret."""
    scheme = url.partition("://")[0]
    # The host of an apprise address may be a token: `slack://TokenA/TokenB/TokenC`.
    return f"{scheme}://{_host_of(url) or '...'}" if is_http(url) else f"{scheme}://..."


def is_http(url: str) -> bool:
    """Tell whether an address is a plain http(s) URL, however malformed its rest is."""
    return url.lower().startswith(("http://", "https://"))


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


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
        raise UndeliveredError(failure_text(exc)) from exc
    if not response.is_success:
        raise UndeliveredError(f"status {response.status_code}")


async def _in_child(message: Mapping[str, Any], *, timeout_s: float, reached: list[int] | None = None) -> None:
    """Run apprise in a process of its own.

    It takes 50 MB, and its plugins block. The address goes through stdin: arguments are visible to others.

    Args:
        reached: Takes the index of each recipient when its mail was taken, also before a timeout.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "docustore.alert_process", stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018  # both are pipes
    try:
        async with asyncio.timeout(timeout_s):
            child.stdin.write(to_json(message))
            child.stdin.close()
            async for line in child.stdout:
                if reached is not None and line.strip().isdigit():
                    reached.append(int(line))
            await child.wait()
    except TimeoutError as exc:
        raise UndeliveredError(failure_text(exc)) from exc
    finally:
        with suppress(ProcessLookupError):
            child.kill()
    if child.returncode == UNKNOWN_ADDRESS:
        raise UndeliveredError("not an address that apprise knows")
    if child.returncode:
        raise UndeliveredError("refused")
