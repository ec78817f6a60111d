"""Cancel a run at a person's request."""

from docustore.audit.log import record
from docustore.database import Database
from docustore.etl import ledger
from docustore.etl.ledger import get_run
from docustore.etl.models import RUNS, EtlRun


async def cancel_run(database: Database, run_id: str, *, actor: str) -> EtlRun:
    """Cancel a run that is due or running; audited.

    See `docustore.etl.ledger.cancel`.

    Raises:
        NotFoundError: No run has this id.
        RunError: The run is already finished.
    """
    before = await get_run(run_id)
    cancelled = await ledger.cancel(database, run_id)
    await record(
        database,
        actor=actor,
        action="etl.cancel_run",
        target=f"{RUNS}/{run_id}",
        before={"state": before.state.value},
        after={"state": cancelled.state.value},
    )
    return cancelled
