"""The quarantined record as the API shows it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from docustore.etl.models import QuarantineState


class QuarantineReason(BaseModel):
    """One error of the record; an empty JSON `pointer` means the whole record."""

    pointer: str
    code: str
    detail: str


class QuarantineSummary(BaseModel):
    """A record that could not be loaded, with every reason."""

    id: str
    source: str
    fingerprint: str = Field(description="digest of the record; the same record has the same one in every run")
    run_id: str = Field(description="the last run that read it")
    identity_key: str | None = Field(
        description="source and id, such as crm:42; null if the record has no readable id"
    )
    modified_at: datetime | None = Field(None, description="the record's own time; null if it has none")
    position: str = Field(description="number of the record within the run's input, from 1")
    raw_bytes: int = Field(description="size of the record as the source sent it")
    omitted_bytes: int = Field(
        0, description="how many of these bytes are not stored, at the end of a huge record"
    )
    errors: list[QuarantineReason]
    state: QuarantineState
    seen: int = Field(description="how many times it was read")
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None = None
    resolved_by: str | None = Field(None, description="`run <id>`, or who replayed it")
    ignored_at: datetime | None = None
    ignored_by: str | None = None
    ignored_reason: str | None = None


class QuarantineRecord(QuarantineSummary):
    """A quarantined record with its text, in which secrets are masked."""

    raw: str | None = Field(description="null unless the key has the scope `admin`")


class QuarantinePage(BaseModel):
    """One page of quarantined records; `next_cursor` is null on the last."""

    items: list[QuarantineSummary]
    next_cursor: str | None


def shown_summary(stored: Mapping[str, Any]) -> QuarantineSummary:
    """Show a stored record without its text."""
    return QuarantineSummary.model_validate({**stored, "id": str(stored["_id"])})


def shown_record(stored: Mapping[str, Any], *, with_raw: bool) -> QuarantineRecord:
    """Show a stored record, with its text if the caller may read it."""
    raw = stored["raw"] if with_raw else None
    return QuarantineRecord.model_validate({**stored, "id": str(stored["_id"]), "raw": raw})
