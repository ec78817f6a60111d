"""Tell whether a source sends fields that nothing reads, or lacks usual ones.

Often a source sends a field under another name from now on, and the old name is missing in all of its records.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from docustore.database import Database
from docustore.etl.guards.usual_fields import MissingFields
from docustore.etl.models import RUNS, SOURCES
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


async def missing_fields(database: Database, source: str) -> MissingFields | None:
    """Return the usual fields that a source lacks now; None if it lacks none."""
    found = await database[SOURCES].find_one({"_id": source}, {"missing": 1})
    if found is None or not (found.get("missing") or {}).get("fields"):
        return None
    return MissingFields.model_validate(found["missing"])


def drift_facts(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an alert tells of a run with new fields."""
    return {"run_id": str(run["_id"]), "fields": _shown(run["new_fields"])}


def missing_facts(found: MissingFields) -> dict[str, Any]:
    """Return what an alert tells of missing fields."""
    return {"run_id": found.run_id, "fields": _shown(found.fields)}


def _shown(fields: Sequence[str]) -> str:
    more = [f"and {len(fields) - _SHOWN_FIELDS} more"] if len(fields) > _SHOWN_FIELDS else []
    return ", ".join([*fields[:_SHOWN_FIELDS], *more])
