"""The ledger of runs: which process may work on a run, and which results count.

A worker claims a run by a lease with a fence number, on the server's clock. Every later write to the run carries
the fence. If a worker is silent for longer than its lease, the next claim gets a higher fence, and the first
worker's later writes are refused. A unique index on `source` and `lane` among running runs lets one live run and
one backfill at a time read a source.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from beanie import PydanticObjectId
from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from docustore.database import Database, Document, in_transaction
from docustore.errors import LeaseLostError, NotFoundError, RunError, SourceBusyError
from docustore.etl.lineage import Dataset, ended, started
from docustore.etl.lineage_event import LineageType
from docustore.etl.memory import MEMORIES
from docustore.etl.models import RUNS, SOURCES, Checkpoint, EtlRun, RunState, Window
from docustore.etl.run_fields import claimed_fields, closed_fields, finished_fields, lease_end

_OPEN: Final = [state for state in RunState if state.is_open]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to work on a run, until it is cancelled or claimed again."""

    run_id: ObjectId
    source: str
    fence: int

    @property
    def filter(self) -> Document:
        """Match the run only while this claim is valid."""
        return {"_id": self.run_id, "state": RunState.RUNNING, "fence": self.fence}


async def get_run(run_id: str) -> EtlRun:
    """Read a run by the id that the API and the CLI show.

    Raises:
        NotFoundError: No run has this id.
    """
    run = await EtlRun.get(PydanticObjectId(run_id)) if ObjectId.is_valid(run_id) else None
    if run is None:
        raise NotFoundError(kind="run", id=run_id)
    return run


async def claim(
    database: Database, run_id: str, *, owner: str, lease_s: int, dataset: Dataset | None = None
) -> tuple[Claim, EtlRun]:
    """Claim a due run: set it running, with a new fence and a lease on server time.

    Args:
        dataset: What the run reads, if its lineage is told to someone.

    Raises:
        NotFoundError: No run has this id.
        RunError: The run is not due: another worker has it, or it is finished.
        SourceBusyError: Another run of the source is running.
    """
    run = await get_run(run_id)
    taken = claimed_fields(owner, lease_s=lease_s)
    if dataset is not None and not run.options.dry_run:
        taken |= started(dataset)
    try:
        document = await database[RUNS].find_one_and_update(
            {"_id": run.id, "state": RunState.DUE}, [{"$set": taken}], return_document=ReturnDocument.AFTER
        )
    except DuplicateKeyError as exc:
        same_lane = {"source": run.source, "lane": run.lane}
        busy = await database[RUNS].find_one({**same_lane, "state": RunState.RUNNING}, {"_id": 1})
        raise SourceBusyError(source=run.source, run_id=str((busy or {}).get("_id"))) from exc
    if document is None:
        run = await get_run(run_id)
        raise RunError(f"run {run_id} is {run.state}, not due: nothing to do")
    claimed = EtlRun.model_validate(document)
    return Claim(run_id=document["_id"], source=claimed.source, fence=claimed.fence), claimed


async def open_window(database: Database, claim: Claim, window: Window, *, before: datetime | None) -> None:
    """Store the window of a run once; a resumed run keeps its window.

    Raises:
        LeaseLostError: The claim is no longer valid.
    """
    fixed = {"window": window.model_dump(), "watermark.before": before}
    await _update(database, claim, {"$set": fixed})


async def save_checkpoint(database: Database, claim: Claim, checkpoint: Checkpoint, *, lease_s: int) -> None:
    """Renew the lease and save the checkpoint.

    Raises:
        LeaseLostError: The claim is no longer valid: the run was taken over or cancelled.
    """
    renewed = {"checkpoint": {"$literal": checkpoint.model_dump()}, "lease_expires_at": lease_end(lease_s)}
    await _update(database, claim, [{"$set": renewed}])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a successful run leaves.

    `watermark` is None if the source keeps its own: in a dry run, or with a window given by hand. `is_full` means
    that the run has read everything, so the watermark may also move back. `memory` is what the next run of the
    source may leave out; None keeps what is stored. `run_facts` and `source_facts` are more fields of the run and
    the source; those of the source are set together with its watermark.
    """

    watermark: datetime | None
    is_full: bool = False
    memory: Document | None = None
    run_facts: Mapping[str, Any] = field(default_factory=dict)
    source_facts: Mapping[str, Any] = field(default_factory=dict)


async def commit(database: Database, claim: Claim, checkpoint: Checkpoint, result: RunResult) -> None:
    """Finish a run and move its source's watermark in one transaction.

    Raises:
        LeaseLostError: The claim is no longer valid. Nothing was committed.
    """

    async def finish_and_advance(session: AsyncClientSession) -> None:
        stored = None
        if result.watermark is not None:
            moved: Document = {"$setOnInsert": {"paused": False}, "$set": dict(result.source_facts)}
            if await _is_watermark_kept(database, claim, session):
                moved.setdefault("$set" if result.is_full else "$max", {})["watermark"] = result.watermark
            source = await database[SOURCES].find_one_and_update(
                {"_id": claim.source},
                {operator: fields for operator, fields in moved.items() if fields},
                upsert=True,
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            stored = (source or {}).get("watermark")
        if result.memory is not None:
            await database[MEMORIES].replace_one(
                {"_id": claim.source}, result.memory, upsert=True, session=session
            )
        await _finish(
            database,
            claim,
            RunState.SUCCEEDED,
            checkpoint,
            session=session,
            watermark=stored,
            facts=result.run_facts,
        )

    await in_transaction(database, finish_and_advance)


async def _is_watermark_kept(database: Database, claim: Claim, session: AsyncClientSession) -> bool:
    """Tell whether the watermark is the one from which the run chose its window.

    Another one was set by a person meanwhile, or by another run of the same window, and it counts.
    """
    run = await database[RUNS].find_one({"_id": claim.run_id}, {"watermark.before": 1}, session=session) or {}
    source = await database[SOURCES].find_one({"_id": claim.source}, {"watermark": 1}, session=session) or {}
    before = (run.get("watermark") or {}).get("before")
    return bool(source.get("watermark") == before)


async def fail(
    database: Database,
    claim: Claim,
    checkpoint: Checkpoint,
    *,
    error: str,
    failure: str | None = None,
    run_facts: Mapping[str, Any] | None = None,
) -> None:
    """Finish a run as failed; the watermark does not move.

    Args:
        failure: The name of the error's class; None where there was none.

    Raises:
        LeaseLostError: The claim is no longer valid.
    """
    facts = {**(run_facts or {}), "error": error, "failure": failure}
    await _finish(database, claim, RunState.FAILED, checkpoint, facts=facts)


async def release(
    database: Database,
    claim: Claim,
    checkpoint: Checkpoint,
    *,
    error: str | None,
    not_before: datetime | None,
    is_attempt: bool = True,
) -> None:
    """Make a run due again, to be resumed at its checkpoint.

    Does nothing if the claim is no longer valid.

    Args:
        not_before: `schedule.tick` does not list the run before this time. None is at once.
        is_attempt: False if the process was told to stop: the run may be attempted as often as before.
    """
    given_back = {
        "state": RunState.DUE,
        "checkpoint": checkpoint.model_dump(),
        "error": error,
        "not_before": not_before,
        "lease_owner": None,
        "lease_expires_at": None,
    }
    refund = {} if is_attempt else {"$inc": {"attempts": -1}}
    await database[RUNS].update_one(claim.filter, {"$set": given_back, **refund})


async def cancel(database: Database, run_id: str) -> EtlRun:
    """Cancel a run that is due or running; its worker stops at the next checkpoint.

    Raises:
        NotFoundError: No run has this id.
        RunError: The run is already finished.
    """
    run = await get_run(run_id)
    cancelled = {**closed_fields(), "state": RunState.CANCELLED, "error": "cancelled"}
    cancelled |= ended(LineageType.ABORT)
    result = await database[RUNS].update_one({"_id": run.id, "state": {"$in": _OPEN}}, [{"$set": cancelled}])
    if not result.matched_count:
        raise RunError(f"run {run_id} is {run.state} and cannot be cancelled")
    return await get_run(run_id)


async def count_cancelled(database: Database, claim: Claim, checkpoint: Checkpoint) -> None:
    """Save the last counts of a run that was cancelled while the caller worked on it.

    Does nothing if the run was taken over: its next worker counts.
    """
    counted = {
        "counts": checkpoint.counts.model_dump(),
        "quality": checkpoint.quality,
        "checkpoint": checkpoint.model_dump(),
    }
    cancelled = {"_id": claim.run_id, "state": RunState.CANCELLED, "fence": claim.fence}
    await database[RUNS].update_one(cancelled, {"$set": counted})


async def _finish(
    database: Database,
    claim: Claim,
    state: RunState,
    checkpoint: Checkpoint,
    *,
    facts: Mapping[str, Any],
    watermark: datetime | None = None,
    session: AsyncClientSession | None = None,
) -> None:
    finished = finished_fields(state, checkpoint, facts=facts, watermark=watermark)
    await _update(database, claim, [{"$set": finished}], session=session)


async def _update(
    database: Database, claim: Claim, update: Any, *, session: AsyncClientSession | None = None
) -> None:
    result = await database[RUNS].update_one(claim.filter, update, session=session)
    if not result.matched_count:
        raise LeaseLostError(f"run {claim.run_id} was cancelled or taken over by another worker")
