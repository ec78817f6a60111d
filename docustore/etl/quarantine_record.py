"""The quarantined record as the API shows it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from docustore.etl.models import QuarantineState


class QuarantineReason(BaseModel):
    """One thing wrong with the record; `pointer` is a JSON pointer into it, empty for the whole record."""

    pointer: str
    code: str
    detail: str


class QuarantineSummary(BaseModel):
    """A record that could not be loaded, and every reason."""

    id: str
    source: str
    fingerprint: str = Field(description="the same for the same record, however often it comes")
    run_id: str = Field(description="the last run that met it")
    identity_key: str | None = Field(description="source and id, such as crm:42, where the record has one")
    position: str = Field(description="where the source had it: a line, an element or a page")
    raw_bytes: int
    errors: list[QuarantineReason]
    state: QuarantineState
    seen: int = Field(description="how many runs met it")
    first_seen_at: datetime
    last_seen_at: datetime


class QuarantineRecord(QuarantineSummary):
    """The same, with the text that the source sent."""

    raw: str


class QuarantinePage(BaseModel):
    """One page of quarantined records; `next_cursor` is null on the last."""

    items: list[QuarantineSummary]
    next_cursor: str | None


def shown_summary(stored: Mapping[str, Any]) -> QuarantineSummary:
    """Show a stored record without its text."""
    return QuarantineSummary.model_validate({**stored, "id": str(stored["_id"])})


def shown_record(stored: Mapping[str, Any]) -> QuarantineRecord:
    """Show a stored record whole."""
    return QuarantineRecord.model_validate({**stored, "id": str(stored["_id"])})
