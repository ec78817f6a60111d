"""The fields of a run that the ledger sets, on the server's clock. Pure.

Each is an expression of an update with a pipeline.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from docustore.etl.lineage import ended
from docustore.etl.lineage_event import LineageType
from docustore.etl.models import Checkpoint, RunState

Fields = dict[str, Any]


def claimed_fields(owner: str, *, lease_s: int) -> Fields:
    """Set a due run running, with a new fence and a lease."""
    return {
        "state": RunState.RUNNING,
        "fence": {"$add": ["$fence", 1]},
        "attempts": {"$add": ["$attempts", 1]},
        "started_at": {"$ifNull": ["$started_at", "$$NOW"]},
        "lease_owner": owner,
        "lease_expires_at": lease_end(lease_s),
    }


def finished_fields(
    state: RunState, checkpoint: Checkpoint, *, facts: Mapping[str, Any], watermark: datetime | None
) -> Fields:
    """Close a run with the counts of its worker.

    Args:
        facts: More fields of the run, as values.
        watermark: That of the source after the run.
    """
    duration, counts = duration_s(), checkpoint.counts.model_dump()
    return {
        "state": state,
        "counts": {"$literal": counts},
        "quality": {"$literal": checkpoint.quality},
        "checkpoint": {"$literal": checkpoint.model_dump()},
        "watermark.after": watermark,
        **ended(LineageType.COMPLETE if state is RunState.SUCCEEDED else LineageType.FAIL),
        "finished_at": "$$NOW",
        "duration_s": duration,
        "records_per_s": {"$cond": [{"$gt": [duration, 0]}, {"$divide": [counts["read"], duration]}, None]},
        "lease_expires_at": None,
        "error": None,
        "failure": None,
        **{name: {"$literal": fact} for name, fact in facts.items()},
    }


def closed_fields() -> Fields:
    """Close a run that no worker finishes, with the counts of its checkpoint."""
    return {
        "finished_at": "$$NOW",
        "counts": "$checkpoint.counts",
        "quality": "$checkpoint.quality",
        "duration_s": duration_s(),
        "lease_expires_at": None,
    }


def lease_end(lease_s: int) -> Fields:
    """Return the end of a lease that starts now."""
    return {"$add": ["$$NOW", lease_s * 1000]}


def duration_s() -> Fields:
    """Return the seconds since the start; null for a run that never started."""
    return {"$divide": [{"$subtract": ["$$NOW", "$started_at"]}, 1000]}
