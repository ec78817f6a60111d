"""Pause and resume a source, and start a run that waits.

A paused source gets no new slots, and its scheduled runs do not start. A run that is running goes on. Runs that
people start are not affected. After a resume, the missed slots become one run.
"""

from collections.abc import Sequence
from typing import Any

from pymongo import DESCENDING
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.audit.log import record
from docustore.clock import now_utc
from docustore.database import Database, in_transaction
from docustore.errors import RunError
from docustore.etl.models import RUNS, SOURCES, EtlRun, RunState, RunTrigger


async def pause_source(database: Database, name: str, *, reason: str | None, actor: str) -> None:
    """Pause a source; a second pause changes the reason."""
    paused = {"paused": True, "paused_at": now_utc(), "paused_by": actor, "pause_reason": reason}
    await _set(database, name, paused, action="etl.pause", actor=actor)


async def resume_source(database: Database, name: str, *, actor: str) -> None:
    """Resume a source."""
    resumed = {
        "paused": False,
        "paused_at": None,
        "paused_by": None,
        "pause_reason": None,
        "resumed_at": now_utc(),
    }
    await _set(database, name, resumed, action="etl.resume", actor=actor)


async def release_source(database: Database, name: str, *, actor: str) -> EtlRun:
    """Let the due run of a source start although it waits.

    It may wait for other sources, for a resume, or for a retry.

    Raises:
        RunError: No scheduled run of the source is due.
    """

    async def release(session: AsyncClientSession) -> EtlRun:
        due = {"source": name, "state": RunState.DUE, "trigger": RunTrigger.SCHEDULE}
        found = await database[RUNS].find_one(due, sort=[("slot", DESCENDING)], session=session)
        if found is None:
            raise RunError(f"no scheduled run of {name} is due; start one with `docustore etl run {name}`")
        released = {"starts_anyway": True, "waits_for": [], "not_before": None}
        await database[RUNS].update_one({"_id": found["_id"]}, {"$set": released}, session=session)
        await record(
            database,
            actor=actor,
            action="etl.release",
            target=f"{RUNS}/{found['_id']}",
            before={"waits_for": found.get("waits_for", [])},
            after=released,
            session=session,
        )
        run: EtlRun = EtlRun.model_validate(found | released)
        return run

    return await in_transaction(database, release)


async def without_paused(database: Database, due: Sequence[EtlRun]) -> list[EtlRun]:
    """Leave out the scheduled runs of paused sources."""
    paused = {row["_id"] async for row in database[SOURCES].find({"paused": True}, {"_id": 1})}
    return [
        run
        for run in due
        if run.source not in paused or run.trigger is not RunTrigger.SCHEDULE or run.starts_anyway
    ]


async def _set(database: Database, name: str, values: dict[str, Any], *, action: str, actor: str) -> None:
    async def change(session: AsyncClientSession) -> None:
        before = await database[SOURCES].find_one_and_update(
            {"_id": name}, {"$set": values}, upsert=True, session=session
        )
        facts = {key: (before or {}).get(key) for key in values}
        target = f"{SOURCES}/{name}"
        await record(
            database, actor=actor, action=action, target=target, before=facts, after=values, session=session
        )

    await in_transaction(database, change)
