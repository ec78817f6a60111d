"""Decide which runs are due: one per source and hour, and runs that people start.

Any number of workers may call `tick` at any time. The ledger's unique index on (source, slot) allows one run per
slot.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog
from pymongo.errors import DuplicateKeyError

from docustore.database import Database
from docustore.errors import NotFoundError
from docustore.etl.ledger import closed_fields
from docustore.etl.models import RUNS, SOURCES, EtlRun, RunOptions, RunState, RunTrigger
from docustore.source_settings import SourceSettings

log: Final = structlog.get_logger()
# During a deployment, a worker with older settings does not know a new source. It must not close its runs.
REMOVED_AFTER: Final = timedelta(minutes=10)


async def create_run(
    source: str, *, trigger: RunTrigger, options: RunOptions, now: datetime, is_attended: bool = False
) -> EtlRun:
    """Create a run that a person asked for; it is due at once and has no slot.

    Args:
        is_attended: The caller works on the run itself. No worker claims it. If the caller dies, the run fails.
    """
    run = EtlRun(source=source, trigger=trigger, options=options, created_at=now, is_attended=is_attended)
    await run.insert()
    return run


def known_source(sources: Mapping[str, SourceSettings], name: str) -> SourceSettings:
    """Look up a configured source.

    Raises:
        NotFoundError: The settings have no such source; the message lists the configured names.
    """
    if name not in sources:
        known = ", ".join(sorted(sources)) or "none"
        raise NotFoundError(kind="source", id=f"{name}; configured: {known}")
    return sources[name]


def slot_of(now: datetime) -> datetime:
    """Return the start of the hour: one scheduled run per source stands for it."""
    return now.replace(minute=0, second=0, microsecond=0)


async def tick(
    database: Database, sources: Mapping[str, SourceSettings], *, now: datetime, max_attempts: int
) -> list[EtlRun]:
    """Bring the ledger up to date and list the due runs that can start, oldest first.

    Creates the current hour's run of every scheduled source. Supersedes runs of earlier hours that never started,
    because the window of the new run covers theirs. Makes the runs of silent workers due again. Cancels runs of
    sources that are no longer configured.
    """
    slot = slot_of(now)
    paused = {row["_id"] async for row in database[SOURCES].find({"paused": True}, {"_id": 1})}
    for name, source in sources.items():
        if source.schedule == "hourly" and name not in paused:
            await _enter_slot(database, name, slot=slot, now=now)
    await _reap(database, max_attempts=max_attempts)
    await _close_removed(database, sources, now=now)
    busy = await database[RUNS].distinct("source", {"state": RunState.RUNNING, "lane": None})
    due = {
        "state": RunState.DUE,
        "is_attended": {"$ne": True},
        "source": {"$in": sorted(sources.keys() - set(busy))},
        "$or": [{"not_before": None}, {"not_before": {"$lte": now}}],
    }
    return await EtlRun.find(due).sort("created_at").to_list()


async def take_unannounced_failure(database: Database, *, now: datetime) -> EtlRun | None:
    """Claim one failed run that was not alerted yet; None if there is none.

    Each failed run is returned to one caller only.
    """
    unannounced = {"state": RunState.FAILED, "is_attended": {"$ne": True}, "alerted_at": None}
    run = await database[RUNS].find_one_and_update(unannounced, {"$set": {"alerted_at": now}})
    return None if run is None else EtlRun.model_validate(run)


async def _enter_slot(database: Database, source: str, *, slot: datetime, now: datetime) -> None:
    entered = EtlRun(source=source, slot=slot, trigger=RunTrigger.SCHEDULE, created_at=now)
    document = entered.model_dump(exclude={"id"})
    try:
        result = await database[RUNS].update_one(
            {"source": source, "slot": slot}, {"$setOnInsert": document}, upsert=True
        )
    except DuplicateKeyError:  # another worker's upsert was first
        return
    if result.upserted_id is None:
        return
    log.info("etl.slot_entered", source=source, slot=slot.isoformat(), run_id=str(result.upserted_id))
    earlier = {"source": source, "state": RunState.DUE, "fence": 0, "slot": {"$lt": slot}}
    superseded = {"state": RunState.SUPERSEDED, "finished_at": now, "error": "merged into the run of a later hour"}
    await database[RUNS].update_many(earlier, {"$set": superseded})


async def _reap(database: Database, *, max_attempts: int) -> None:
    expired = {"state": RunState.RUNNING, "$expr": {"$lt": ["$lease_expires_at", "$$NOW"]}}
    is_last = {"$or": [{"$eq": ["$is_attended", True]}, {"$gte": ["$attempts", max_attempts]}]}
    given_back = {
        **{name: {"$cond": [is_last, value, f"${name}"]} for name, value in closed_fields().items()},
        "state": {"$cond": [is_last, RunState.FAILED, RunState.DUE]},
        "error": {"$concat": ["worker ", {"$ifNull": ["$lease_owner", "?"]}, " stopped renewing its lease"]},
        "lease_owner": None,
        "lease_expires_at": None,
    }
    result = await database[RUNS].update_many(expired, [{"$set": given_back}])
    if result.modified_count:
        log.warning("etl.runs_given_back", runs=result.modified_count)


async def _close_removed(database: Database, sources: Mapping[str, SourceSettings], *, now: datetime) -> None:
    orphaned = {
        "state": RunState.DUE,
        "is_attended": {"$ne": True},
        "source": {"$nin": sorted(sources)},
        "created_at": {"$lt": now - REMOVED_AFTER},
    }
    reason = {"$concat": ["source ", "$source", " is no longer configured"]}
    closed = {**closed_fields(), "state": RunState.CANCELLED, "error": reason}
    result = await database[RUNS].update_many(orphaned, [{"$set": closed}])
    if result.modified_count:
        log.warning("etl.runs_closed", runs=result.modified_count, reason="their sources are no longer configured")
