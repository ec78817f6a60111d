"""Send one signed message to a webhook, and read what the answer means.

Redirects are not followed: they would lead around the check of the address. Of an answer only the status counts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import httpx2

from docustore import __version__
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database, Document
from docustore.errors import NotFoundError
from docustore.etl.sources.http_times import retry_after
from docustore.outbox.event import ChangeEvent, body_of
from docustore.outbox.sending import Outcome, Sender, UnknownDestinationError
from docustore.post_failures import failure_text
from docustore.security.client_address import Network, networks
from docustore.webhooks.addresses import AddressRefusedError, Target, targets_of
from docustore.webhooks.signature import signed_headers
from docustore.webhooks.store import find_webhook, valid_secrets, webhook_id_of

# The standard recommends 15 to 30 seconds. A lease is renewed meanwhile.
TIMEOUT_S: Final = 15.0
# An answer is read so far that its connection can be used again; nothing of it is kept.
MAX_ANSWER_BYTES: Final = 64 * 1024
_DOWN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_HEADERS: Final = {
    "content-type": "application/json",
    "user-agent": f"docustore/{__version__}",
    # The answer is not read.
    "accept-encoding": "identity",
}


class WebhookClient:
    """A connection to one webhook."""

    max_events: Final = 1

    def __init__(
        self,
        webhook: Mapping[str, Any],
        client: httpx2.AsyncClient,
        *,
        allowed: Sequence[Network],
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._webhook = webhook
        self._client = client
        self._allowed = allowed
        self._timeout_s = timeout_s

    async def send(self, events: Sequence[ChangeEvent]) -> Outcome:
        """Send one event; its number is the id of the message."""
        [event] = events
        return await self.post(str(event.number), body_of(event), now=now_utc())

    async def post(self, message_id: str, body: bytes, *, now: datetime) -> Outcome:
        """Send one signed message."""
        headers = signed_headers(message_id, body, secrets=valid_secrets(self._webhook, now=now), at=now)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._posted(body, headers)
        except AddressRefusedError as exc:
            return Outcome(error=str(exc), is_down=True)
        except TimeoutError:
            return Outcome(error=f"no answer within {self._timeout_s:g} s", is_down=True)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as exc:
            return Outcome(error=failure_text(exc), is_down=True)

    async def _posted(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
        targets = await targets_of(self._webhook["url"], allowed=self._allowed)
        for target in targets[:-1]:
            try:
                return await self._asked(target, body, headers)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._asked(targets[-1], body, headers)

    async def _asked(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Outcome:
        request = self._client.build_request(
            "POST",
            target.url,
            content=body,
            headers={**_HEADERS, **headers, "host": target.host},
            # TLS checks the certificate of the name, not that of the address.
            extensions={"sni_hostname": target.name},
        )
        response = await self._client.send(request, stream=True)
        try:
            read = 0
            async for part in response.aiter_raw():
                read += len(part)
                if read > MAX_ANSWER_BYTES:
                    break
        finally:
            await response.aclose()
        return outcome_of(response.status_code, response.headers.get("retry-after"))


def outcome_of(status: int, wait: str | None) -> Outcome:
    """Read what a status means.

    Args:
        wait: The value of `Retry-After`.
    """
    if 200 <= status < 300:  # noqa: PLR2004  # the class of success
        return Outcome(status=status)
    if status == HTTPStatus.GONE:
        return Outcome(error="status 410: the endpoint wants no events", status=status, is_gone=True)
    if 300 <= status < 400:  # noqa: PLR2004  # the class of redirects
        return Outcome(error=f"status {status}: redirects are not followed", status=status)
    is_down = status in _DOWN or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Outcome(
        error=f"status {status}",
        status=status,
        is_down=is_down,
        retry_after=retry_after(wait) if is_down else None,
    )


@asynccontextmanager
async def webhook_client(
    webhook: Mapping[str, Any], settings: Settings, *, timeout_s: float = TIMEOUT_S
) -> AsyncIterator[WebhookClient]:
    """Open a connection to a webhook.

    Each has a pool of its own: a connection is found by its address, and two names may share one. The
    environment's proxy is not used, because it would resolve the name by itself.
    """
    timeout = httpx2.Timeout(timeout_s)
    async with httpx2.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False) as client:
        allowed = networks(settings.webhook_private_networks)
        yield WebhookClient(webhook, client, allowed=allowed, timeout_s=timeout_s)


def webhook_opener(
    database: Database, settings: Settings
) -> Callable[[Document], AbstractAsyncContextManager[Sender]]:
    """Return what opens the sender of a webhook."""

    @asynccontextmanager
    async def open_webhook(destination: Document) -> AsyncIterator[Sender]:
        try:
            webhook = await find_webhook(database, webhook_id_of(destination["_id"]))
        except NotFoundError as exc:
            raise UnknownDestinationError(str(exc)) from exc
        async with webhook_client(webhook, settings) as client:
            yield client

    return open_webhook
