"""Let a held run's change through.

An approval is one new run, of the same source, window and options. It may change as much as the held run would
have changed, and on top of that what every run may change. It ends with that run.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.audit.log import record
from docustore.database import Database, in_transaction
from docustore.errors import RunError
from docustore.etl.guards.hold import Approval
from docustore.etl.ledger import get_run
from docustore.etl.models import RUNS, SOURCES, EtlRun, RunState, RunTrigger, WatermarkChange
from docustore.etl.window import moves_watermark

# What a person has compared is not what the source holds for much longer.
APPROVABLE_FOR: Final = timedelta(days=7)


async def waiting_run(database: Database, source: str) -> EtlRun:
    """Return the run of a source that waits for approval.

    Raises:
        RunError: No run of the source waits.
    """
    stored = await database[SOURCES].find_one({"_id": source}, {"held": 1})
    held = (stored or {}).get("held")
    if held is None or held.get("is_rejected"):
        raise RunError(f"no run of {source} waits for approval: see `docustore etl runs --source {source}`")
    return await get_run(held["run_id"])


async def approve_run(
    database: Database,
    run_id: str,
    *,
    actor: str,
    now: datetime,
    trigger: RunTrigger,
    is_attended: bool = False,
) -> EtlRun:
    """Create the run that makes a held run's change; audited.

    A second approval returns the run of the first while that is not finished.

    Args:
        is_attended: The caller works on the new run itself.

    Raises:
        NotFoundError: No run has this id.
        RunError: The run does not wait, or too much has happened since.
    """
    held = await get_run(run_id)
    if held.approved_run_id is not None:
        approved = await get_run(held.approved_run_id)
        if approved.state.is_open:
            return approved
        if approved.state is RunState.SUCCEEDED:
            raise RunError(f"run {run_id} was approved, and run {approved.id} has made its change")
    stored = await database[SOURCES].find_one({"_id": held.source}) or {}
    if (problem := refusal(held, stored, now=now)) is not None:
        raise RunError(f"run {run_id} cannot be approved: {problem}")
    run = _approved(held, actor=actor, now=now, trigger=trigger, is_attended=is_attended)

    async def create(session: AsyncClientSession) -> None:
        mine = {"_id": held.id, "approved_run_id": held.approved_run_id}
        changed = {"needs_approval": False, "approved_run_id": str(run.id)}
        result = await database[RUNS].update_one(mine, {"$set": changed}, session=session)
        if not result.matched_count:
            raise RunError(f"run {run_id} was approved at the same time by another person")
        await run.insert(session=session)
        await record(
            database,
            actor=actor,
            action="etl.approve_run",
            target=f"{RUNS}/{run_id}",
            before=None if held.hold is None else held.hold.model_dump(),
            after={"run_id": str(run.id)},
            session=session,
        )

    await in_transaction(database, create)
    return run


def refusal(held: EtlRun, source: Mapping[str, Any], *, now: datetime) -> str | None:
    """Tell why a run cannot be approved; None if it can."""
    if held.hold is None or held.finished_at is None or held.options.dry_run:
        return f"it is {held.state} and waits for nothing"
    if held.rejection is not None:
        return f"{held.rejection.by} rejected it: {held.rejection.reason}"
    if now - held.finished_at > APPROVABLE_FOR:
        return f"it ended more than {APPROVABLE_FOR.days} days ago; start a new run and look at what it finds"
    return _outdated(held, source) if moves_watermark(held.options) else None


def _outdated(held: EtlRun, source: Mapping[str, Any]) -> str | None:
    latest = source.get("held")
    if latest is None:
        return "its source has succeeded since"
    if latest["run_id"] != str(held.id):
        return f"run {latest['run_id']} is the latest that waits; approve that one"
    if source.get("watermark") != held.watermark.before:
        return "the watermark of its source has moved since"
    return None


def _approved(held: EtlRun, *, actor: str, now: datetime, trigger: RunTrigger, is_attended: bool) -> EtlRun:
    hold = held.hold
    if hold is None:  # pragma: no cover  # `refusal` was asked
        raise AssertionError(held.id)
    run = EtlRun(
        source=held.source,
        trigger=trigger,
        options=held.options,
        window=held.window,
        watermark=WatermarkChange(before=held.watermark.before),
        created_at=now,
        is_attended=is_attended,
        approval=Approval(
            run_id=str(held.id),
            by=actor,
            at=now,
            total=hold.total,
            new_fields=hold.new_fields,
            quality=hold.quality,
        ),
    )
    # The held run names it, in the same transaction.
    run.id = ObjectId()  # type: ignore[assignment]
    return run
