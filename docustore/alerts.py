"""Alerts: a JSON POST to each configured URL when a person must act.

Shape of the body: `{"event": "etl.run_failed", "at": "2026-01-31T12:00:00Z", ...facts}`, without personal data.
Each delivery has three attempts. A failed delivery is logged as an error; it does not stop the caller.
"""

import asyncio
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
# TimeoutError: the client's timeout limits each read, so a slow response could last without end.
REFUSALS: Final = (httpx2.HTTPError, TimeoutError)

Fact = str | int | float | datetime | None


async def alert(urls: Sequence[str], event: str, *, at: datetime, **facts: Fact) -> int:
    """Post one event to every URL; return the number of successful deliveries.

    Takes less than 30 seconds in every case.
    """
    body = to_jsonable_python({"event": event, "at": at, **facts})
    async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client:
        return sum(await asyncio.gather(*(_deliver(client, url, body, event) for url in urls)))


async def _deliver(client: httpx2.AsyncClient, url: str, body: object, event: str) -> bool:
    try:
        async for attempt in stamina.retry_context(on=REFUSALS, attempts=ATTEMPTS, wait_max=1.0):
            with attempt:
                async with asyncio.timeout(TIMEOUT_S):
                    (await client.post(url, json=body)).raise_for_status()
    except (*REFUSALS, httpx2.InvalidURL) as exc:
        # Only the host is logged: the rest of an alert URL is often a secret.
        log.error("alert.undelivered", alert_event=event, host=urlsplit(url).hostname, reason=type(exc).__name__)  # noqa: TRY400
        return False
    return True
