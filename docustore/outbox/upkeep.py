"""Keep the outbox bounded, and tell people of destinations that fail.

A destination that fails for five days, or has too many pending events, is disabled: it gets no further rows.
Its owner enables it, and may let it get what it missed from history.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from docustore.changes.subscriptions import DESTINATIONS, OUTBOX, PENDING
from docustore.database import Database
from docustore.etl.incidents import (
    DESTINATION_KINDS,
    IncidentKind,
    close_incident,
    open_incident,
    open_incidents,
)
from docustore.outbox.backoff import GIVE_UP_AFTER
from docustore.outbox.destinations import OPERATOR, WORKER, DestinationKind, list_destinations, set_enabled
from docustore.outbox.rows import FAILED_FOR, RowState
from docustore.outbox.valkey_stream import SETTING

log: Final = structlog.get_logger()
# A restart of a receiver is no incident.
TOLD_AFTER: Final = timedelta(minutes=15)
# Longer than all attempts at an event.
DISABLED_AFTER: Final = timedelta(days=5)
_ROWS_PER_SWEEP: Final = 1000
# Disabled on purpose.
_QUIET: Final = frozenset({OPERATOR, SETTING})


async def keep_up(database: Database, *, now: datetime, max_pending: int, is_told: bool) -> None:
    """Give up what is too old, disable what is broken, open and close incidents.

    Args:
        max_pending: A destination with more pending events is disabled.
        is_told: Someone receives alerts.
    """
    for destination in await list_destinations(database):
        await _give_up_old(database, destination["_id"], now=now)
        if destination["is_enabled"]:
            await _disable_broken(database, destination, now=now, max_pending=max_pending)
    await _tell(database, now=now, is_told=is_told)


async def _give_up_old(database: Database, name: str, *, now: datetime) -> None:
    """Give up events that waited for longer than all attempts last."""
    oldest = database[OUTBOX].find({"destination": name, "state": PENDING}, {"queued_at": 1}, sort=[("number", 1)])
    old = [row["_id"] async for row in oldest.limit(_ROWS_PER_SWEEP) if now - row["queued_at"] > GIVE_UP_AFTER]
    if not old:
        return
    given_up = {"state": RowState.FAILED.value, "done_at": now, "expires_at": now + FAILED_FOR}
    result = await database[OUTBOX].update_many({"_id": {"$in": old}, "state": PENDING}, {"$set": given_up})
    await database[DESTINATIONS].update_one({"_id": name}, {"$inc": {"failed": result.modified_count}})
    log.error("outbox.given_up", destination=name, events=result.modified_count)


async def _disable_broken(
    database: Database, destination: Mapping[str, Any], *, now: datetime, max_pending: int
) -> None:
    name, since = destination["_id"], destination["failing_since"]
    query = {"destination": name, "state": PENDING}
    pending = await database[OUTBOX].count_documents(query, limit=max_pending + 1)
    is_webhook = destination["kind"] == DestinationKind.WEBHOOK
    if pending > max_pending:
        reason = "backlog"
    elif is_webhook and since is not None and now - since > DISABLED_AFTER:
        reason = "failing"
    else:
        return
    log.error("outbox.destination_disabled", destination=name, reason=reason, pending=pending)
    await set_enabled(database, name, is_enabled=False, actor=WORKER, reason=reason)


async def _tell(database: Database, *, now: datetime, is_told: bool) -> None:
    by_name = {each["_id"]: each for each in await list_destinations(database)}
    for name, each in by_name.items():
        for kind, facts in _problems(each, now=now):
            await open_incident(database, kind, name, at=now, is_told=is_told, **facts)
    for incident in await open_incidents(database, DESTINATION_KINDS):
        destination = by_name.get(incident["source"])
        if destination is None:
            await close_incident(database, incident, at=now, is_told=False)
        elif incident["kind"] not in {kind for kind, _ in _problems(destination, now=now)}:
            await close_incident(database, incident, at=now, is_told=is_told)


def _problems(destination: Mapping[str, Any], *, now: datetime) -> list[tuple[IncidentKind, dict[str, Any]]]:
    disabled = destination["disabled"]
    if disabled is not None and disabled["reason"] not in _QUIET:
        facts = {"reason": disabled["reason"], "after_number": disabled["seq"], "error": destination["last_error"]}
        return [(IncidentKind.DESTINATION_DISABLED, facts)]
    since = destination["failing_since"]
    if destination["is_enabled"] and since is not None and now - since > TOLD_AFTER:
        return [(IncidentKind.DESTINATION_FAILING, {"since": since, "error": destination["last_error"]})]
    return []
