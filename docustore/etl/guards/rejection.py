"""Decide that a held run's change is not wanted.

The run waits no longer, and cannot be approved any more. What held runs have stored still counts for the next run
of the source, so a change that a person has rejected does not pass in small parts.
"""

from datetime import datetime

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.audit.log import record
from docustore.database import Database, in_transaction
from docustore.errors import RunError
from docustore.etl.guards.hold import Rejection
from docustore.etl.ledger import get_run
from docustore.etl.models import RUNS, SOURCES, EtlRun


async def reject_run(database: Database, run_id: str, *, reason: str, actor: str, now: datetime) -> EtlRun:
    """Reject the change of a held run; audited.

    Raises:
        NotFoundError: No run has this id.
        RunError: The run does not wait.
    """
    held = await get_run(run_id)
    rejection = Rejection(by=actor, at=now, reason=reason)

    async def write(session: AsyncClientSession) -> None:
        waiting = {"_id": held.id, "needs_approval": True}
        changed = {"needs_approval": False, "rejection": rejection.model_dump()}
        result = await database[RUNS].update_one(waiting, {"$set": changed}, session=session)
        if not result.matched_count:
            raise RunError(f"run {run_id} is {held.state} and waits for nothing")
        mine = {"_id": held.source, "held.run_id": run_id}
        await database[SOURCES].update_one(mine, {"$set": {"held.is_rejected": True}}, session=session)
        await record(
            database,
            actor=actor,
            action="etl.reject_run",
            target=f"{RUNS}/{run_id}",
            before=None if held.hold is None else held.hold.model_dump(),
            after={"reason": reason},
            session=session,
        )

    await in_transaction(database, write)
    return await get_run(run_id)
