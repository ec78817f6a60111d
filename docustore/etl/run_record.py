"""The run record as API, CLI and page show it. Pure."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from docustore.etl.models import Counts, EtlRun, RunOptions, RunState, RunTrigger, WatermarkChange, Window


class RunRecord(BaseModel):
    """One run; while it runs, `counts` and `quality` are those of its last checkpoint."""

    id: str
    source: str
    slot: datetime | None = Field(description="the hour it stands for; null for a run asked for by hand")
    trigger: RunTrigger
    state: RunState
    window: Window
    watermark: WatermarkChange
    counts: Counts
    quality: dict[str, int] = Field(description="records by reason why they were quarantined or warned about")
    options: RunOptions
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None
    records_per_s: float | None
    attempts: int
    error: str | None


class RunPage(BaseModel):
    """One page of runs; `next_cursor` is null on the last."""

    items: list[RunRecord]
    next_cursor: str | None


def shown_run(run: EtlRun) -> RunRecord:
    """Show a run."""
    progress = run if run.finished_at is not None else run.checkpoint
    same = {name: getattr(run, name) for name in RunRecord.model_fields.keys() - {"id", "counts", "quality"}}
    return RunRecord(id=str(run.id), counts=progress.counts, quality=progress.quality, **same)


def run_record(run: EtlRun) -> dict[str, Any]:
    """Show a run as JSON-ready data, in the shape of `RunRecord`; times in RFC 3339 UTC."""
    return shown_run(run).model_dump(mode="json")
