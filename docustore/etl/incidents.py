"""Incidents: what a person is told once, and told again when it is over.

An incident is open for one kind and one source at a time (a unique index). Its messages have ids that follow from
it, so that any number of workers, killed at any line, create each message once.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import structlog
from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from docustore.alerts import Fact
from docustore.database import Database, Document
from docustore.etl.alert_outbox import enqueue_message
from docustore.etl.next_steps import next_step_of

log: Final = structlog.get_logger()
INCIDENTS: Final = "etl_incidents"


class IncidentKind(StrEnum):
    """What is wrong with a source, the listener, a destination or the quality.

    The event of its alert is `etl.`, `changes.`, `outbox.` or `quality.` with this name.
    """

    RUN_FAILED = "run_failed"
    BUDGET_EXCEEDED = "budget_exceeded"
    RUN_HELD = "run_held"
    OVERDUE = "overdue"
    NO_RECORDS = "no_records"
    GATE_NOT_PASSED = "gate_not_passed"
    VOLUME_UNUSUAL = "volume_unusual"
    NEW_FIELDS = "new_fields"
    MISSING_FIELDS = "missing_fields"
    OPLOG_SHORT = "oplog_short"
    LISTENER_STALLED = "listener_stalled"
    DESTINATION_FAILING = "destination_failing"
    DESTINATION_DISABLED = "destination_disabled"
    RULE_FAILED = "rule_failed"
    RULE_UNUSUAL = "rule_unusual"
    QUALITY_DIFFERS = "quality_differs"


LISTENER_KINDS: Final = frozenset({IncidentKind.OPLOG_SHORT, IncidentKind.LISTENER_STALLED})
DESTINATION_KINDS: Final = frozenset({IncidentKind.DESTINATION_FAILING, IncidentKind.DESTINATION_DISABLED})
# Told in groups: see `docustore.quality_watch`.
QUALITY_KINDS: Final = frozenset(
    {IncidentKind.RULE_FAILED, IncidentKind.RULE_UNUSUAL, IncidentKind.QUALITY_DIFFERS}
)
SOURCE_KINDS: Final = frozenset(IncidentKind) - LISTENER_KINDS - DESTINATION_KINDS - QUALITY_KINDS


async def open_incident(
    database: Database, kind: IncidentKind, source: str, *, at: datetime, is_told: bool, **facts: Fact
) -> None:
    """Open an incident, or note that the open one goes on.

    Args:
        is_told: Someone receives alerts; otherwise no message is created.
        facts: What the alert tells. `next_step` is added where they have none.
    """
    step = next_step_of(kind, source, facts)
    facts = facts if step is None else {"next_step": step, **facts}
    new_id = ObjectId()
    key = {"kind": kind, "source": source, "is_open": True}
    incident = await _opened(database, new_id, key, at=at, facts=facts)
    if incident["_id"] == new_id:
        log.warning("etl.incident_opened", incident=kind, source=source)
    if is_told:
        body = {"source": source, **incident["facts"]}
        await enqueue_message(
            database,
            f"{incident['_id']}:opened",
            event=f"{area_of(kind)}.{kind}",
            at=incident["opened_at"],
            facts=body,
        )


async def close_incident(database: Database, incident: Mapping[str, Any], *, at: datetime, is_told: bool) -> None:
    """Close an incident with a recovery message.

    Args:
        is_told: False closes it silently, such as that of a source that is no longer configured.
    """
    # The message first: a crash between the two repeats it under the same id.
    if is_told:
        facts = {"source": incident["source"], "incident": incident["kind"], "since": incident["opened_at"]}
        await enqueue_message(
            database,
            f"{incident['_id']}:recovered",
            event=f"{area_of(incident['kind'])}.recovered",
            at=at,
            facts=facts,
        )
    closed = {"is_open": False, "closed_at": at}
    result = await database[INCIDENTS].update_one({"_id": incident["_id"], "is_open": True}, {"$set": closed})
    if result.modified_count:
        log.info("etl.incident_closed", incident=incident["kind"], source=incident["source"])


async def open_incidents(database: Database, kinds: Iterable[IncidentKind] = IncidentKind) -> list[Document]:
    """List the open incidents, oldest first."""
    query = {"is_open": True, "kind": {"$in": list(kinds)}}
    return await database[INCIDENTS].find(query, sort=[("opened_at", 1)]).to_list()


async def closed_incidents(database: Database, *, since: datetime, limit: int) -> list[Document]:
    """List the incidents that have ended since a time, latest first."""
    query = {"closed_at": {"$gte": since}}
    return await database[INCIDENTS].find(query, sort=[("closed_at", -1)]).limit(limit).to_list()


def area_of(kind: str) -> str:
    """Name what an incident is about: `etl`, `changes`, `outbox` or `quality`."""
    if kind in LISTENER_KINDS:
        return "changes"
    if kind in QUALITY_KINDS:
        return "quality"
    return "outbox" if kind in DESTINATION_KINDS else "etl"


async def _opened(
    database: Database, new_id: ObjectId, key: Document, *, at: datetime, facts: Mapping[str, Fact]
) -> Document:
    created = {"_id": new_id, "opened_at": at, "closed_at": None, "facts": dict(facts)}
    while True:
        try:
            found = await database[INCIDENTS].find_one_and_update(
                key,
                {"$setOnInsert": created, "$max": {"last_at": at}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:  # another worker's upsert was first
            continue
        if found is None:
            raise AssertionError("unreachable: an upsert returns its document")
        return found
