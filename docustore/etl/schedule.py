"""Decide which runs are due: one per source and slot, and runs that people start.

Any number of workers may call `tick` at any time. The ledger's unique index on (source, slot) allows one run per
slot.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog

from docustore.database import Database
from docustore.errors import NotFoundError
from docustore.etl.lineage import ended
from docustore.etl.lineage_event import LineageType
from docustore.etl.models import RUNS, EtlRun, RunOptions, RunState, RunTrigger
from docustore.etl.order import in_order
from docustore.etl.pause import without_paused
from docustore.etl.run_fields import closed_fields
from docustore.etl.slots import enter_slots
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
        raise NotFoundError(
            kind="source", id=f"{name}; configured: {known}; a running service reads docustore.toml at its start"
        )
    return sources[name]


async def tick(
    database: Database, sources: Mapping[str, SourceSettings], *, now: datetime, max_attempts: int
) -> list[EtlRun]:
    """Bring the ledger up to date and list the due runs that can start, oldest first.

    Creates the run of the latest slot of every scheduled source (`slots`). Makes the runs of silent workers due
    again. Cancels runs of sources that are no longer configured. Leaves out runs that wait for other sources
    (`order`) and scheduled runs of paused sources.
    """
    await enter_slots(database, sources, now=now)
    await _reap(database, max_attempts=max_attempts)
    await _close_removed(database, sources, now=now)
    busy = await database[RUNS].distinct("source", {"state": RunState.RUNNING, "lane": None})
    due = {
        "state": RunState.DUE,
        "is_attended": {"$ne": True},
        "source": {"$in": sorted(sources.keys() - set(busy))},
        "$or": [{"not_before": None}, {"not_before": {"$lte": now}}],
    }
    found = await EtlRun.find(due).sort("created_at").to_list()
    return await in_order(database, await without_paused(database, found), sources)


async def _reap(database: Database, *, max_attempts: int) -> None:
    expired = {"state": RunState.RUNNING, "$expr": {"$lt": ["$lease_expires_at", "$$NOW"]}}
    is_last = {"$or": [{"$eq": ["$is_attended", True]}, {"$gte": ["$attempts", max_attempts]}]}
    given_back = {
        **{name: {"$cond": [is_last, value, f"${name}"]} for name, value in closed_fields().items()},
        "state": {"$cond": [is_last, RunState.FAILED, RunState.DUE]},
        "error": {"$concat": ["worker ", {"$ifNull": ["$lease_owner", "?"]}, " stopped renewing its lease"]},
        "lineage": {"$cond": [is_last, ended(LineageType.FAIL)["lineage"], "$lineage"]},
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
    closed |= ended(LineageType.ABORT)
    result = await database[RUNS].update_many(orphaned, [{"$set": closed}])
    if result.modified_count:
        log.warning("etl.runs_closed", runs=result.modified_count, reason="their sources are no longer configured")
