"""The deliveries of reports: one record per report and slot.

Shape: `{_id, report, slot, state, attempts, due_at, error, rows, reached, created_at, finished_at, expires_at}`.
`reached` lists the recipients that have the mail, so a later attempt does not send it to them again. The index
that is unique on (report, slot) lets any number of workers enter slots. A worker takes a delivery by moving
`due_at` to the end of its lease; a killed worker leaves a delivery that is due again then.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from docustore.database import Database, Document
from docustore.outbox.backoff import MAX_BEGUN, wait_after

DELIVERIES: Final = "report_deliveries"
# Longer than a query and an attempt to send may take together.
LEASE: Final = timedelta(minutes=2)
KEPT: Final = timedelta(days=90)


class DeliveryState(StrEnum):
    """The state of a delivery.

    `failed` is given up, `skipped` was due when its report was paused.
    """

    DUE = "due"
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The result of one attempt; `error` is None if the destination took the report.

    `reached` are the recipients that have the mail, after this attempt and those before.
    """

    rows: int = 0
    error: str | None = None
    reached: tuple[str, ...] = ()


async def enter_slot(database: Database, report: str, slot: datetime, *, now: datetime) -> Document | None:
    """Create the delivery of a slot; None if there is one."""
    delivery = {
        "report": report,
        "slot": slot,
        "state": DeliveryState.DUE.value,
        "attempts": 0,
        "due_at": now,
        "error": None,
        "rows": None,
        "reached": [],
        "created_at": now,
        "finished_at": None,
        "expires_at": now + KEPT,
    }
    try:
        await database[DELIVERIES].insert_one(delivery)
    except DuplicateKeyError:
        return None
    return delivery


async def take(database: Database, *, now: datetime, delivery_id: object = None) -> Document | None:
    """Take a delivery that is due, the oldest first, or one by its id."""
    query: dict[str, Any] = {"state": DeliveryState.DUE.value, "due_at": {"$lte": now}}
    if delivery_id is not None:
        query["_id"] = delivery_id
    return await database[DELIVERIES].find_one_and_update(
        query,
        {"$inc": {"attempts": 1}, "$set": {"due_at": now + LEASE}},
        sort=[("due_at", 1)],
        return_document=ReturnDocument.AFTER,
    )


async def finish(database: Database, taken: Mapping[str, Any], sent: Sent, *, now: datetime) -> Document | None:
    """Store the result of an attempt.

    None if the delivery was taken again or dropped meanwhile.
    """
    changed: Document = {"error": sent.error, "rows": sent.rows, "reached": list(sent.reached)}
    attempts = taken["attempts"]
    wait = wait_after(attempts, chance=random.random()) if attempts < MAX_BEGUN else None  # noqa: S311  # jitter
    if sent.error is None:
        changed |= {"state": DeliveryState.DELIVERED.value, "finished_at": now}
    elif wait is None:
        changed |= {"state": DeliveryState.FAILED.value, "finished_at": now}
    else:
        changed |= {"due_at": now + wait}
    return await database[DELIVERIES].find_one_and_update(
        {"_id": taken["_id"], "attempts": attempts, "state": DeliveryState.DUE.value},
        {"$set": changed},
        return_document=ReturnDocument.AFTER,
    )


async def drop_due(database: Database, report: str, *, session: AsyncClientSession) -> None:
    """Skip what is due of a report."""
    await database[DELIVERIES].update_many(
        {"report": report, "state": DeliveryState.DUE.value},
        {"$set": {"state": DeliveryState.SKIPPED.value, "error": "the report was paused"}},
        session=session,
    )


async def list_deliveries(database: Database, report: str, *, limit: int) -> list[Document]:
    """List the deliveries of a report, the latest slot first."""
    return await database[DELIVERIES].find({"report": report}, sort=[("slot", -1)]).limit(limit).to_list()


async def last_delivery(database: Database, report: str) -> Document | None:
    """Read the delivery of the latest slot of a report."""
    found = await list_deliveries(database, report, limit=1)
    return found[0] if found else None
