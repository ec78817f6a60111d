"""Tell whether a source has begun to send fields that nothing reads.

Often a source sends a field under another name from now on, and the old name is missing in all of its records.
"""

from collections.abc import Mapping
from typing import Any, Final

from docustore.database import Database
from docustore.etl.models import RUNS
from docustore.etl.source_status import last_success, successes_of

_SHOWN_FIELDS: Final = 20


async def drifted_run(database: Database, source: str) -> Mapping[str, Any] | None:
    """Return the last successful run of a source if it brought new fields; else None.

    All fields of a first run are new, so it tells nothing. A mode of `evolve` has no new fields.
    """
    run = await last_success(database, source)
    if run is None or not run.get("new_fields"):
        return None
    earlier = {**successes_of(source), "finished_at": {"$lt": run["finished_at"]}}
    return None if await database[RUNS].find_one(earlier, {"_id": 1}) is None else run


def drift_facts(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an alert tells of the run."""
    fields: list[str] = run["new_fields"]
    more = [f"and {len(fields) - _SHOWN_FIELDS} more"] if len(fields) > _SHOWN_FIELDS else []
    return {"run_id": str(run["_id"]), "fields": ", ".join([*fields[:_SHOWN_FIELDS], *more])}
