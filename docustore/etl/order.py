"""The order between sources: which due runs wait for the runs of other sources.

The run of a slot waits until each source of `after` has a success for its own slot of that time, or later. A
success of a run that a person started counts too. If the run of the other source fails, the run goes on waiting:
the next success ends the wait. Meanwhile the missed slots of the waiting source are merged, and the merged run
waits for the oldest of them, so a slow source does not starve the next. A person can end the wait (`release`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from docustore.database import Database
from docustore.etl.models import RUNS, SOURCES, EtlRun
from docustore.etl.source_status import successes_of
from docustore.source_settings import SourceSettings

log: Final = structlog.get_logger()
CLOCK_DIFFERENCE: Final = timedelta(days=1)


async def in_order(
    database: Database, due: Sequence[EtlRun], sources: Mapping[str, SourceSettings]
) -> list[EtlRun]:
    """Return the runs that may start; note on the others what they wait for."""
    ready = []
    for run in due:
        waits_for = await _waits_for(database, run, sources)
        if waits_for != run.waits_for:
            await database[RUNS].update_one({"_id": run.id}, {"$set": {"waits_for": waits_for}})
            if waits_for:
                log.info("etl.run_waits", run_id=str(run.id), source=run.source, waits_for=waits_for)
        if not waits_for:
            ready.append(run)
    return ready


async def _waits_for(database: Database, run: EtlRun, sources: Mapping[str, SourceSettings]) -> list[str]:
    # A run that has started before keeps its turn.
    if run.slot is None or run.fence or run.starts_anyway:
        return []
    time = run.first_slot or run.slot
    return [name for name in sources[run.source].after if not await _is_done(database, name, sources, time=time)]


async def _is_done(
    database: Database, name: str, sources: Mapping[str, SourceSettings], *, time: datetime
) -> bool:
    rule = sources[name].recurrence
    slot = rule.latest(time) if rule is not None else None
    if rule is None or slot is None:
        return True
    if not rule.is_interval:
        row = await database[SOURCES].find_one({"_id": name}, {"schedule_since": 1}) or {}
        # The schedule is newer than this slot, so no run stands for it.
        if (since := row.get("schedule_since")) is not None and slot < since:
            return True
    success = {
        **successes_of(name),
        # For the index. A run ends after its slot, up to the difference of two clocks.
        "finished_at": {"$gte": slot - CLOCK_DIFFERENCE},
        "$or": [{"slot": {"$gte": slot}}, {"slot": None, "started_at": {"$gte": slot}}],
    }
    return await database[RUNS].find_one(success, {"_id": 1}) is not None
