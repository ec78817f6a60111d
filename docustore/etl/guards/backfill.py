"""Read a window of a source again, beside its live run.

A backfill has a lane of its own: the unique index on running runs allows one live run and one backfill of a
source. It never moves the watermark. Both write the same users safely: every write is guarded by a version.
"""

from datetime import datetime

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.audit.log import record
from docustore.database import Database, in_transaction
from docustore.errors import FieldError, InvalidInputError
from docustore.etl.idle import require_idle, touch_source
from docustore.etl.models import BACKFILL, RUNS, SOURCES, EtlRun, RunOptions, RunState, RunTrigger


async def create_backfill(
    database: Database,
    source: str,
    *,
    options: RunOptions,
    actor: str,
    now: datetime,
    trigger: RunTrigger,
    is_attended: bool = False,
) -> EtlRun:
    """Return the due backfill of this window; create it if there is none. Audited.

    Args:
        options: The window, `since` to `until`; both are needed.
        is_attended: The caller works on the run itself.

    Raises:
        InvalidInputError: The window is open, or ends before it starts.
        SourceBusyError: A backfill of the source is running.
    """
    if options.since is None or options.until is None or options.since >= options.until:
        detail = "the window needs a start and a later end"
        raise InvalidInputError((FieldError(pointer="/until", code="window_empty", detail=detail),))
    run = EtlRun(
        source=source, trigger=trigger, options=options, created_at=now, is_attended=is_attended, lane=BACKFILL
    )

    async def find_or_create(session: AsyncClientSession) -> EtlRun:
        await touch_source(database, source, session)
        await require_idle(database, source, session, lane=BACKFILL)
        same = {f"options.{name}": value for name, value in options.model_dump().items()}
        due = {
            "source": source,
            "lane": BACKFILL,
            **same,
            "state": RunState.DUE,
            "is_attended": {"$ne": True},
        }
        if not is_attended and (found := await database[RUNS].find_one(due, session=session)) is not None:
            waiting: EtlRun = EtlRun.model_validate(found)
            return waiting
        run.id = None
        await run.insert(session=session)
        window = {"since": options.since, "until": options.until, "run_id": str(run.id)}
        await record(
            database,
            actor=actor,
            action="etl.backfill",
            target=f"{SOURCES}/{source}",
            after=window,
            session=session,
        )
        return run

    return await in_transaction(database, find_or_create)
