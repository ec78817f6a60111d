"""Tell whether a source sent unusually many or few records.

A scheduled run is compared with the runs of the same slot in the weeks before, as the figures of the quality are.
So a source that sends little at night is not unusual at night. Runs without a slot are not compared.
"""

from collections.abc import Mapping
from typing import Any, Final

from docustore.database import Database
from docustore.etl.models import RUNS
from docustore.etl.source_status import successes_of
from docustore.quality.anomaly import Direction, Floors, Judgement, hours_before, judge

# Half of the usual number, and never a few records.
FLOORS: Final = Floors(absolute=10, relative=0.5)
# A run that left out known content, such as an unchanged file, says nothing about the source.
_READ: Final[Mapping[str, Any]] = {"left_out_known": {"$ne": True}}


async def judged_volume(database: Database, source: str) -> Judgement | None:
    """Compare the last successful run of a source with its history.

    None if it has no slot, or fewer than four runs of that slot came before.
    """
    successes = {**successes_of(source), **_READ}
    last = await database[RUNS].find_one(successes, {"slot": 1, "counts.read": 1}, sort=[("finished_at", -1)])
    if last is None or last.get("slot") is None:
        return None
    # By the index on source and slot.
    past = {**successes, "slot": {"$in": hours_before(last["slot"])}}
    history = [run["counts"]["read"] async for run in database[RUNS].find(past, {"counts.read": 1})]
    return judge(last["counts"]["read"], history, direction=Direction.BOTH, floors=FLOORS)
