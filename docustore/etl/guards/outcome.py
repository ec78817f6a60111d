"""Turn what the guards have found into the end of a run."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from docustore.database import Database
from docustore.errors import ApprovalNeededError
from docustore.etl.guards.guards import Guards
from docustore.etl.guards.hold import SourceHold
from docustore.etl.guards.snapshot_result import SourceSnapshot
from docustore.etl.guards.usual_fields import MissingFields
from docustore.etl.models import SOURCES, EtlRun
from docustore.etl.window import moves_watermark
from docustore.source_options.quality_gate import GateMode

log: Final = structlog.get_logger()


def refuse_if_held(guards: Guards, run: EtlRun) -> None:
    """End a held run; a dry run only says that it would be held.

    Raises:
        ApprovalNeededError: A page of the run was held.
    """
    if guards.brake.is_held and not run.options.dry_run:
        raise ApprovalNeededError(source=run.source, run_id=str(run.id), reason=str(guards.brake.hold()))


def close_gate(guards: Guards, run: EtlRun, quality: Mapping[str, int]) -> None:
    """Compare what was judged with the quality gate, before the watermark moves.

    Raises:
        ApprovalNeededError: The gate blocks, and the records violate more than it accepts.
    """
    if guards.gate is None:
        return
    result = guards.gate_result = guards.gate.result(quality)
    if result.is_passed:
        return
    log.warning("etl.gate_not_passed", run_id=str(run.id), source=run.source, reason=str(result))
    if result.mode is GateMode.BLOCK:
        guards.brake.hold_for_quality({breach.rule: breach.violated for breach in result.over})
        refuse_if_held(guards, run)


def run_facts(guards: Guards) -> dict[str, Any]:
    """Return the fields of the run that the guards have found, as they are stored."""
    fields = guards.fields
    facts: dict[str, Any] = {
        "new_fields": [] if fields is None else fields.unread,
        "missing_fields": [] if fields is None else fields.missing,
    }
    if guards.snapshot is not None:
        facts["snapshot"] = guards.snapshot.model_dump()
    if guards.verification is not None:
        facts["verification"] = guards.verification.model_dump()
    if guards.gate_result is not None:
        facts["gate"] = guards.gate_result.model_dump()
    if guards.brake.is_held:
        facts |= {"needs_approval": guards.diff is None, "hold": guards.brake.hold().model_dump()}
    return facts


def source_facts(guards: Guards, run: EtlRun) -> dict[str, Any]:
    """Return the fields of the source that a successful run sets."""
    fields = guards.fields
    facts: dict[str, Any] = {"held": None, "fields": [] if fields is None else fields.known}
    # A run of few records leaves open what an earlier one has found.
    if fields is not None and fields.has_enough:
        missing = MissingFields(run_id=str(run.id), fields=fields.missing)
        facts |= {"usual_fields": fields.usual, "missing": missing.model_dump()}
    if guards.snapshot is not None and guards.snapshot.is_complete:
        facts["snapshot"] = SourceSnapshot(run_id=str(run.id), absent=guards.snapshot.absent).model_dump()
    return facts


async def remember_hold(database: Database, run: EtlRun, guards: Guards, *, now: datetime) -> None:
    """Let the source know that a run of it waits; idempotent."""
    if guards.brake.is_held and moves_watermark(run.options):
        held = SourceHold(run_id=str(run.id), at=now, stored=guards.brake.hold().stored)
        await database[SOURCES].update_one(
            {"_id": run.source},
            {"$set": {"held": held.model_dump()}, "$setOnInsert": {"paused": False}},
            upsert=True,
        )
