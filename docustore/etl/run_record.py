"""The run record as the API, the CLI and the dashboard show it."""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field

from docustore.etl.guards.gate_result import GateResult
from docustore.etl.guards.hold import Approval, Hold, Rejection
from docustore.etl.guards.snapshot_result import SnapshotResult
from docustore.etl.guards.verified import Verification
from docustore.etl.models import Counts, EtlRun, RunOptions, RunState, RunTrigger, WatermarkChange, Window
from docustore.etl.run_progress import RunProgress
from docustore.etl.unread import Unread

# The fields of a record that are not fields of the run.
_OWN: Final = {"id", "counts", "quality", "progress", "unread", "dry_run"}


class RunRecord(BaseModel):
    """One run; until it ends, `counts` and `quality` are of its last checkpoint."""

    id: str
    source: str
    slot: datetime | None = Field(description="the time of a scheduled run; null for a manual run")
    waits_for: list[str] = Field(
        description="the sources of `after` that have no success yet; empty once it starts"
    )
    trigger: RunTrigger
    lane: str | None = Field(description="`backfill` for a run beside the live run; null for a live run")
    state: RunState
    window: Window
    watermark: WatermarkChange
    counts: Counts
    quality: dict[str, int] = Field(
        description="number of records by the reason of their quarantine or warning; `outside_window`: records "
        "that the source delivered outside the window given by hand, which do not count as read; `gate:...`: the "
        "records that the quality gate judged, and by rule those that violate it"
    )
    unread: Unread = Field(description="keys and columns that nothing reads, found in a sample of the records")
    options: RunOptions
    dry_run: bool = Field(description="nothing was written; `counts` tell what the run would have done")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None
    records_per_s: float | None
    attempts: int
    progress: RunProgress | None = Field(description="null unless the run is running")
    error: str | None
    needs_approval: bool = Field(description="the run was held; `POST /etl/runs/{id}/approve` lets it through")
    hold: Hold | None = Field(description="why the run was held, and what it would have changed")
    approval: Approval | None = Field(
        description="the approval of an earlier, held run, with which this run works"
    )
    rejection: Rejection | None = Field(description="who decided against the change of this held run, and why")
    approved_run_id: str | None = Field(description="the run that the approval of this run has started")
    new_fields: list[str] = Field(description="fields that appeared for the first time and that nothing reads")
    missing_fields: list[str] = Field(
        description="fields that are read and that most records of earlier runs had, but none of this run"
    )
    verification: Verification | None = Field(description="a sample of the written records, read back")
    gate: GateResult | None = Field(description="what the quality gate of the source has found, if it has one")
    snapshot: SnapshotResult | None = Field(description="what a full reading lacked, with `deletes = snapshot`")


class RunPage(BaseModel):
    """One page of runs; `next_cursor` is null on the last."""

    items: list[RunRecord]
    next_cursor: str | None


def shown_run(run: EtlRun) -> RunRecord:
    """Show a run."""
    progress = run.progress_so_far
    same = {name: getattr(run, name) for name in RunRecord.model_fields.keys() - _OWN}
    step = run.checkpoint.progress if run.state is RunState.RUNNING else None
    return RunRecord(
        id=str(run.id),
        counts=progress.counts,
        quality=progress.quality,
        progress=step,
        unread=run.checkpoint.unread,
        dry_run=run.options.dry_run,
        **same,
    )


def run_record(run: EtlRun) -> dict[str, Any]:
    """Show a run as JSON-ready data in the shape of `RunRecord`.

    Times are RFC 3339 texts in UTC.
    """
    return shown_run(run).model_dump(mode="json")
