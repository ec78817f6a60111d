"""Enter the slots that are due into the ledger: one run per source and slot.

A slot is a moment of the source's schedule, in UTC. Missed slots become one run, of the latest one, because its
window starts at the watermark. So only the latest slot is entered, also after a long stop, and a clock that
stops or jumps back enters no slot twice: the ledger is unique on (source, slot).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from docustore.database import Database
from docustore.etl.models import RUNS, SOURCES, EtlRun, RunOptions, RunState, RunTrigger
from docustore.source_settings import SourceSettings

log: Final = structlog.get_logger()
# A new schedule has the slots of the last minutes too. During a deployment, workers with the old and the new
# schedule tick in turn, and each of them finds a changed schedule.
NEW_SCHEDULE_GRACE: Final = timedelta(minutes=10)


async def enter_slots(database: Database, sources: Mapping[str, SourceSettings], *, now: datetime) -> None:
    """Create the run of the latest slot of every scheduled source.

    A paused source gets none.

    Times of the day that passed before the schedule was known are not slots. An interval means "at least this
    often", so a new source with an interval is read at once.
    """
    rows = {row["_id"]: row async for row in database[SOURCES].find({"_id": {"$in": sorted(sources)}})}
    for name, source in sources.items():
        row = rows.get(name, {})
        rule = source.recurrence
        if rule is None or row.get("paused"):
            continue
        since = await _schedule_since(database, name, source, row=row, now=now)
        slot = rule.latest(now)
        if slot is not None and (rule.is_interval or slot >= since):
            await _enter(database, name, source, slot=slot, now=now)


async def _schedule_since(
    database: Database, name: str, source: SourceSettings, *, row: Mapping[str, Any], now: datetime
) -> datetime:
    text = f"{source.schedule} ({source.timezone})"
    since: datetime | None = row.get("schedule_since")
    if row.get("schedule") == text and since is not None:
        return since
    since = now - NEW_SCHEDULE_GRACE
    seen = {"schedule": text, "schedule_since": since}
    await database[SOURCES].update_one(
        {"_id": name}, {"$set": seen, "$setOnInsert": {"paused": False}}, upsert=True
    )
    return since


async def _enter(database: Database, name: str, source: SourceSettings, *, slot: datetime, now: datetime) -> None:
    key = {"source": name, "slot": slot}
    if await database[RUNS].find_one(key, {"_id": 1}) is not None:
        return
    options = RunOptions(full=await _is_full_due(database, name, source, slot=slot))
    entered = EtlRun(source=name, slot=slot, trigger=RunTrigger.SCHEDULE, options=options, created_at=now)
    document = entered.model_dump(exclude={"id"})
    try:
        result = await database[RUNS].update_one(key, {"$setOnInsert": document}, upsert=True)
    except DuplicateKeyError:  # another worker's upsert was first
        return
    if result.upserted_id is None:
        return
    log.info("etl.slot_entered", source=name, slot=slot.isoformat(), run_id=str(result.upserted_id))
    await _merge_earlier(database, result.upserted_id, name, slot=slot, now=now)


async def _merge_earlier(database: Database, run_id: object, name: str, *, slot: datetime, now: datetime) -> None:
    earlier = {"source": name, "state": RunState.DUE, "fence": 0, "slot": {"$lt": slot}}
    oldest = await database[RUNS].find_one(earlier, {"slot": 1, "first_slot": 1}, sort=[("slot", ASCENDING)])
    if oldest is None:
        return
    first = oldest.get("first_slot") or oldest["slot"]
    await database[RUNS].update_one({"_id": run_id}, {"$set": {"first_slot": first}})
    superseded = {"state": RunState.SUPERSEDED, "finished_at": now, "error": "merged into the run of a later slot"}
    await database[RUNS].update_many(earlier, {"$set": superseded})


async def _is_full_due(database: Database, name: str, source: SourceSettings, *, slot: datetime) -> bool:
    """Tell whether no run has read everything since the last time of `full`."""
    rule = source.full_recurrence
    since = rule.latest(slot) if rule is not None else None
    if since is None:
        return False
    of_source = {"source": name, "options.dry_run": False}
    complete = {
        "state": RunState.SUCCEEDED,
        "finished_at": {"$gte": since},
        "started_at": {"$gte": since},
        "window.since": None,
        "options.until": None,
    }
    at_work = {"state": RunState.RUNNING, "options.full": True}
    for query in (complete, at_work):
        if await database[RUNS].find_one({**of_source, **query}, {"_id": 1}) is not None:
            return False
    return True
