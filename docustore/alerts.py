"""Tell people that something needs them: a JSON POST to each configured address.

Shape of the body: `{"event": "etl.run_failed", "at": "2026-01-31T12:00:00Z", ...facts}`, without personal data.
Delivery is tried three times; what does not arrive is logged as an error, and nothing else stops for it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import httpx2
import stamina
import structlog
from pydantic_core import to_jsonable_python

log: Final = structlog.get_logger()
TIMEOUT_S: Final = 5.0
ATTEMPTS: Final = 3

Fact = str | int | float | datetime | None


async def alert(urls: Sequence[str], event: str, *, at: datetime, **facts: Fact) -> int:
    """Post one event to every address; returns how many took it."""
    body = to_jsonable_python({"event": event, "at": at, **facts})
    async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client:
        return sum([await _posted(client, url, body, event) for url in urls])


async def _posted(client: httpx2.AsyncClient, url: str, body: object, event: str) -> bool:
    try:
        async for attempt in stamina.retry_context(on=httpx2.HTTPError, attempts=ATTEMPTS, wait_max=1.0):
            with attempt:
                (await client.post(url, json=body)).raise_for_status()
    except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
        # The host alone: the rest of an alert address is often its secret.
        log.error("alert.undelivered", alert_event=event, host=urlsplit(url).hostname, reason=type(exc).__name__)  # noqa: TRY400
        return False
    return True
