"""The state of the destinations in figures, for metrics, commands and routes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from docustore.changes.subscriptions import OUTBOX, PENDING
from docustore.database import Database
from docustore.outbox.destinations import list_destinations

# More pending events are shown as this number: a count costs a microsecond for each.
MAX_COUNTED: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationFigures:
    """One destination: `oldest_s` is the age of its oldest pending event.

    `delivered` and `failed` count since it was made. `disabled` is `{at, reason, seq}`, None while it is enabled.
    """

    name: str
    kind: str
    is_enabled: bool
    pending: int
    oldest_s: float | None
    delivered: int
    failed: int
    failing_since: datetime | None
    last_error: str | None
    disabled: Mapping[str, Any] | None
    replay: Mapping[str, Any] | None


async def destination_figures(database: Database, *, now: datetime) -> list[DestinationFigures]:
    """Read the figures of all destinations, by name."""
    found = await list_destinations(database)
    return await asyncio.gather(*(figures_of(database, each, now=now) for each in found))


async def figures_of(database: Database, destination: Mapping[str, Any], *, now: datetime) -> DestinationFigures:
    """Read the figures of one destination."""
    query = {"destination": destination["_id"], "state": PENDING}
    pending, oldest = await asyncio.gather(
        database[OUTBOX].count_documents(query, limit=MAX_COUNTED),
        database[OUTBOX].find_one(query, {"queued_at": 1}, sort=[("number", 1)]),
    )
    return DestinationFigures(
        name=destination["_id"],
        kind=destination["kind"],
        is_enabled=destination["is_enabled"],
        pending=pending,
        oldest_s=None if oldest is None else max(0.0, (now - oldest["queued_at"]).total_seconds()),
        delivered=destination["delivered"],
        failed=destination["failed"],
        failing_since=destination["failing_since"],
        last_error=destination["last_error"],
        disabled=destination["disabled"],
        replay=destination["fill"],
    )
