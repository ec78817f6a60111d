"""Find what is wrong with the sources, and what is well again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING

from docustore.database import Database
from docustore.errors import QuarantineBudgetExceededError
from docustore.etl.drift import drift_facts, drifted_run, missing_facts, missing_fields
from docustore.etl.guards.gate_result import GateResult
from docustore.etl.incidents import SOURCE_KINDS, IncidentKind, close_incident, open_incident, open_incidents
from docustore.etl.models import RUNS, RunState
from docustore.etl.source_status import SourceStatus, last_success, source_statuses, successes_of
from docustore.etl.volume import judged_volume
from docustore.source_settings import SourceSettings

FAILURES_PER_TICK: Final = 20
# A source whose last runs had records each time "always had some".
RUNS_WITH_RECORDS: Final = 5
_FAILURES: Final = frozenset({IncidentKind.RUN_FAILED, IncidentKind.BUDGET_EXCEEDED, IncidentKind.RUN_HELD})


async def watch(
    database: Database, sources: Mapping[str, SourceSettings], *, now: datetime, is_told: bool
) -> None:
    """Open and close incidents.

    Kinds: a failed run, too many quarantined records, a run that waits for an approval, no success in time, no
    records where there always were some, an unusual number of records, new fields that nothing reads, fields that
    are missing now, more violations than a quality gate that only warns accepts.

    Args:
        is_told: Someone receives alerts.
    """
    await _note_failures(database, now=now, is_told=is_told)
    statuses = await source_statuses(database, sources, now=now, counts_quarantine=False)
    for status in statuses:
        await _note_overdue(database, status, now=now, is_told=is_told)
        await _note_emptiness(database, status.name, now=now, is_told=is_told)
        await _note_gate(database, status.name, now=now, is_told=is_told)
        await _note_volume(database, status.name, now=now, is_told=is_told)
        await _note_drift(database, status.name, now=now, is_told=is_told)
    by_name = {status.name: status for status in statuses}
    for incident in await open_incidents(database, SOURCE_KINDS):
        source = by_name.get(incident["source"])
        if source is None:
            await close_incident(database, incident, at=now, is_told=False)
        elif await _is_over(database, incident, source):
            await close_incident(database, incident, at=now, is_told=is_told)


async def _note_failures(database: Database, *, now: datetime, is_told: bool) -> None:
    unnoted = {"state": RunState.FAILED, "alerted_at": None}
    failed = await database[RUNS].find(unnoted, sort=[("finished_at", ASCENDING)]).to_list(FAILURES_PER_TICK)
    for run in failed:
        # The person who started an attended run has seen it fail.
        if not run.get("is_attended"):
            await _note_failure(database, run, is_told=is_told)
        await database[RUNS].update_one({"_id": run["_id"]}, {"$set": {"alerted_at": now}})


async def _note_failure(database: Database, run: Mapping[str, Any], *, is_told: bool) -> None:
    await open_incident(
        database,
        _kind_of(run),
        run["source"],
        at=run["finished_at"],
        is_told=is_told,
        run_id=str(run["_id"]),
        slot=run["slot"],
        error=run["error"],
    )


def _kind_of(run: Mapping[str, Any]) -> IncidentKind:
    if run.get("needs_approval"):
        return IncidentKind.RUN_HELD
    is_budget = run.get("failure") == QuarantineBudgetExceededError.__name__
    return IncidentKind.BUDGET_EXCEEDED if is_budget else IncidentKind.RUN_FAILED


async def _note_overdue(database: Database, status: SourceStatus, *, now: datetime, is_told: bool) -> None:
    if status.is_overdue:
        facts = {"last_success_at": status.last_success_at, "overdue_at": status.overdue_at}
        await open_incident(database, IncidentKind.OVERDUE, status.name, at=now, is_told=is_told, **facts)


async def _note_emptiness(database: Database, name: str, *, now: datetime, is_told: bool) -> None:
    # A source that left out known content, such as an unchanged file, is not empty.
    readings = {**successes_of(name), "left_out_known": {"$ne": True}}
    last = await (
        database[RUNS]
        .find(readings, {"counts.read": 1}, sort=[("finished_at", DESCENDING)])
        .to_list(RUNS_WITH_RECORDS + 1)
    )
    reads = [run["counts"]["read"] for run in last]
    if is_suddenly_empty(reads):
        run_id = str(last[0]["_id"])
        await open_incident(database, IncidentKind.NO_RECORDS, name, at=now, is_told=is_told, run_id=run_id)


async def _note_gate(database: Database, name: str, *, now: datetime, is_told: bool) -> None:
    run = await last_success(database, name)
    gate = None if run is None else run.get("gate")
    if run is not None and gate is not None and not gate["is_passed"]:
        facts = {"run_id": str(run["_id"]), "violated": str(GateResult.model_validate(gate))}
        await open_incident(database, IncidentKind.GATE_NOT_PASSED, name, at=now, is_told=is_told, **facts)


async def _note_volume(database: Database, name: str, *, now: datetime, is_told: bool) -> None:
    found = await judged_volume(database, name)
    if found is None or not found.is_anomalous:
        return
    empty = await open_incidents(database, [IncidentKind.NO_RECORDS])
    # One alert is enough.
    if not any(incident["source"] == name for incident in empty):
        facts = {"read": found.value, "usual": found.median}
        await open_incident(database, IncidentKind.VOLUME_UNUSUAL, name, at=now, is_told=is_told, **facts)


async def _note_drift(database: Database, name: str, *, now: datetime, is_told: bool) -> None:
    run = await drifted_run(database, name)
    if run is not None:
        await open_incident(database, IncidentKind.NEW_FIELDS, name, at=now, is_told=is_told, **drift_facts(run))
    missing = await missing_fields(database, name)
    if missing is not None:
        facts = missing_facts(missing)
        await open_incident(database, IncidentKind.MISSING_FIELDS, name, at=now, is_told=is_told, **facts)


def is_suddenly_empty(reads: list[int]) -> bool:
    """Tell whether the last run had no records and the ones before it all had some.

    Args:
        reads: The records of the last successful runs, latest first. Fewer runs tell nothing.
    """
    return len(reads) > RUNS_WITH_RECORDS and reads[0] == 0 and all(reads[1 : RUNS_WITH_RECORDS + 1])


async def _is_over(database: Database, incident: Mapping[str, Any], status: SourceStatus) -> bool:
    """A later success ends every incident; it must have records, and pass the gate."""
    is_failure = incident["kind"] in _FAILURES
    since = incident["last_at" if is_failure else "opened_at"]
    if status.last_success_at is None or status.last_success_at <= since:
        return False
    if incident["kind"] == IncidentKind.GATE_NOT_PASSED:
        gate = (await last_success(database, status.name) or {}).get("gate")
        return gate is None or bool(gate["is_passed"])
    if incident["kind"] in {IncidentKind.NEW_FIELDS, IncidentKind.MISSING_FIELDS}:
        look = drifted_run if incident["kind"] == IncidentKind.NEW_FIELDS else missing_fields
        return await look(database, status.name) is None
    if incident["kind"] == IncidentKind.VOLUME_UNUSUAL:
        found = await judged_volume(database, status.name)
        return found is not None and not found.is_anomalous
    if incident["kind"] != IncidentKind.NO_RECORDS:
        return True
    with_records = {
        **successes_of(status.name),
        "finished_at": {"$gte": incident["opened_at"]},
        "counts.read": {"$gt": 0},
    }
    return await database[RUNS].find_one(with_records, {"_id": 1}) is not None
