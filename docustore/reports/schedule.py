"""Enter the slots of reports and deliver what is due; the worker calls it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from docustore.analytics.query.saved.store import REPORTS
from docustore.audit.log import record
from docustore.config import Settings
from docustore.database import Database, Document
from docustore.etl.alert_outbox import enqueue_message
from docustore.outbox.backoff import MAX_BEGUN
from docustore.quality.stored import server_time
from docustore.reports.deliveries import DeliveryState, Sent, enter_slot, finish, take
from docustore.reports.sending import send_report
from docustore.reports.store import find_report, recurrence_of

log: Final = structlog.get_logger()
# One call of the worker ends within its time, also if each destination hangs.
PER_CALL: Final = 10
CALL_TIMEOUT_S: Final = 45.0


async def enter_slots(database: Database, *, now: datetime) -> int:
    """Create the delivery of the latest slot of every report; count the new ones.

    Missed slots become one, that of the latest: a report tells the present.
    """
    entered = 0
    async for report in database[REPORTS].find({"is_paused": False}):
        rule = recurrence_of(report)
        slot = None if rule is None else rule.latest(now)
        if slot is None or slot < report["schedule_since"]:
            continue
        if await enter_slot(database, report["_id"], slot, now=now) is not None:
            log.info("report.slot_entered", report=report["_id"], slot=slot.isoformat())
            entered += 1
    return entered


async def deliver_due(database: Database, settings: Settings, *, now: datetime) -> int:
    """Deliver reports that are due; return how many were delivered."""
    delivered = 0
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            for _ in range(PER_CALL):
                taken = await take(database, now=now)
                if taken is None:
                    break
                result = await _attempt(database, settings, taken)
                delivered += result is not None and result["state"] == DeliveryState.DELIVERED.value
    except TimeoutError:
        # The one at work is due again after its lease.
        log.warning("report.call_timed_out", timeout_s=CALL_TIMEOUT_S)
    return delivered


async def deliver_now(database: Database, settings: Settings, name: str, *, actor: str) -> Document:
    """Deliver a report once now, also a paused one.

    A failure is retried like that of a slot.

    Raises:
        NotFoundError: There is no such report.
    """
    await find_report(database, name)
    now = await server_time(database)
    # Another call in the same millisecond has made the same slot: the next one is free.
    while (delivery := await enter_slot(database, name, now, now=now)) is None:
        now += timedelta(milliseconds=1)
    taken = await take(database, now=now, delivery_id=delivery["_id"])
    if taken is None:
        # A worker was first.
        return delivery
    await record(database, actor=actor, action="report.run", target=f"{REPORTS}/{name}", after={"slot": now})
    return await _attempt(database, settings, taken) or taken


async def _attempt(database: Database, settings: Settings, taken: Mapping[str, Any]) -> Document | None:
    report = await database[REPORTS].find_one({"_id": taken["report"]})
    sent = Sent(error="the report was deleted")
    if taken["attempts"] >= MAX_BEGUN:
        # Otherwise a report that ends its worker would do so every two minutes, for ever.
        sent = Sent(error=f"begun {MAX_BEGUN} times without an end: its worker was killed or failed")
    elif report is not None:
        # A delivery of an older release has no `reached`.
        reached = taken.get("reached", ())
        sent = await send_report(database, settings, report, taken["slot"], reached=reached)
    now = await server_time(database)
    result = await finish(database, taken, sent, now=now)
    if sent.error is not None:
        log.warning("report.not_delivered", report=taken["report"], attempts=taken["attempts"], reason=sent.error)
    if result is not None and result["state"] == DeliveryState.FAILED.value:
        await _tell(database, settings, result, now=now)
    return result


async def _tell(database: Database, settings: Settings, failed: Mapping[str, Any], *, now: datetime) -> None:
    log.error("report.given_up", report=failed["report"], slot=failed["slot"].isoformat())
    if settings.alert_urls:
        facts = {
            "report": failed["report"],
            "slot": failed["slot"],
            "attempts": failed["attempts"],
            "error": failed["error"],
            "next_step": f"correct the cause, then run `docustore analytics reports run {failed['report']}`",
        }
        name = f"report.failed:{failed['_id']}"
        await enqueue_message(database, name, event="report.failed", at=now, facts=facts)
