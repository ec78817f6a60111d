"""What became of replayed records, as the API and the CLI show it."""

from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, Field

from docustore.errors import FieldError
from docustore.etl.plan import Outcome
from docustore.etl.quarantine_record import QuarantineReason


class ReplayResult(StrEnum):
    """What became of a replayed record.

    `loaded`: the entry is closed. `rejected`: it stays open, with its present reasons. `impossible`: what is
    stored of the record cannot be loaded; the source must send it again.
    """

    LOADED = "loaded"
    REJECTED = "rejected"
    IMPOSSIBLE = "impossible"


class ReplayedRecord(BaseModel):
    """One replayed record; `outcome` is null unless it loaded."""

    id: str
    source: str
    identity_key: str | None
    result: ReplayResult
    outcome: Outcome | None = Field(None, description="`stale`: a newer version of the record is loaded already")
    errors: list[QuarantineReason] = []


class ReplayReport(BaseModel):
    """The replayed records, and how many of the selected ones are left."""

    dry_run: bool = Field(False, description="nothing was written")
    loaded: int = 0
    rejected: int = 0
    impossible: int = 0
    remaining: int = Field(0, description="selected records that were not replayed; replay again to continue")
    records: list[ReplayedRecord] = []

    def add(self, records: Sequence[ReplayedRecord]) -> None:
        """Add and count some records."""
        self.records += records
        for record in records:
            self.loaded += record.result is ReplayResult.LOADED
            self.rejected += record.result is ReplayResult.REJECTED
            self.impossible += record.result is ReplayResult.IMPOSSIBLE


def reasons(errors: Sequence[FieldError]) -> list[QuarantineReason]:
    """Show the errors of a record."""
    return [QuarantineReason(pointer=each.pointer, code=each.code, detail=each.detail) for each in errors]
