"""The run record as API, CLI and logs show it."""

from typing import Any

from docustore.etl.models import EtlRun


def run_record(run: EtlRun) -> dict[str, Any]:
    """Render a run as JSON-ready data; while it runs, `counts` are those of its last checkpoint.

    Shape: `{id, source, slot, trigger, state, window: {since, until}, watermark: {before, after}, counts: {read,
    inserted, updated, unchanged, stale, quarantined, deactivated, warnings}, quality: {reason: records}, options,
    created_at, started_at, finished_at, duration_s, records_per_s, attempts, error}`; times in RFC 3339 UTC.
    """
    shown = run.model_dump(
        mode="json",
        include={
            "source", "slot", "trigger", "state", "window", "watermark", "options", "created_at", "started_at",
            "finished_at", "duration_s", "records_per_s", "attempts", "error",
        },
    )  # fmt: skip
    progress = run if run.finished_at is not None else run.checkpoint
    return {
        "id": str(run.id),
        **shown,
        "counts": progress.counts.model_dump(),
        "quality": dict(progress.quality),
    }
