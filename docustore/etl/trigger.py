"""Create a run that the API was asked for, unless it would be a second one."""

from datetime import datetime

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.database import Database, in_transaction
from docustore.etl.idle import require_idle, touch_source
from docustore.etl.models import RUNS, EtlRun, RunOptions, RunState, RunTrigger


async def trigger_run(database: Database, source: str, *, options: RunOptions, now: datetime) -> EtlRun:
    """Return a due run of the source with these options; create it if there is none.

    A run that waits after a transient failure, for another source or for a resume is due at once. Of any number of
    concurrent triggers, one creates a run, and the others return it.

    Raises:
        SourceBusyError: A run of the source is running; the error names it.
    """

    async def find_or_create(session: AsyncClientSession) -> EtlRun:
        await touch_source(database, source, session)
        await require_idle(database, source, session, lane=None)
        waiting = {
            "source": source,
            "state": RunState.DUE,
            "is_attended": {"$ne": True},
            "lane": None,
            **{f"options.{name}": value for name, value in options.model_dump().items()},
        }
        found = await database[RUNS].find_one_and_update(
            waiting,
            {"$set": {"not_before": None, "starts_anyway": True, "waits_for": []}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        run: EtlRun
        if found is not None:
            run = EtlRun.model_validate(found)
            return run
        run = EtlRun(source=source, trigger=RunTrigger.API, options=options, created_at=now)
        await run.insert(session=session)
        return run

    return await in_transaction(database, find_or_create)
