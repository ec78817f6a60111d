"""Store and read the differences that dry runs have found."""

from datetime import datetime, timedelta
from typing import Final

from docustore.database import Database
from docustore.errors import NotFoundError
from docustore.etl.guards.diff import Diff, RunDiff
from docustore.etl.ledger import get_run
from docustore.etl.models import DIFFS, EtlRun

# A difference is outdated by the next run.
KEPT: Final = timedelta(days=30)


async def save_diff(database: Database, run: EtlRun, diff: Diff, *, now: datetime) -> None:
    """Store what a dry run has found; a repetition replaces it."""
    found = diff.result(run_id=str(run.id), source=run.source, now=now)
    await database[DIFFS].replace_one({"_id": run.id}, found.model_dump(), upsert=True)


async def find_diff(database: Database, run_id: str) -> RunDiff:
    """Read what a dry run has found.

    Raises:
        NotFoundError: No run has this id, it was no dry run, or it is older than `KEPT`.
    """
    run = await get_run(run_id)
    found = await database[DIFFS].find_one({"_id": run.id})
    if found is None:
        raise NotFoundError(kind="difference", id=f"of run {run_id}; only finished dry runs have one, for 30 days")
    return RunDiff.model_validate(found)
