"""The bodies of requests about quarantined records."""

from pydantic import BaseModel, Field

from docustore.api.body_types import Flag, Reason, RequestBody, WholeNumber
from docustore.errors import FieldError, InvalidInputError
from docustore.etl.selection import Selection

MAX_IDS = 1000
_NOTHING = FieldError(
    pointer="", code="nothing_selected", detail="give `ids`, a filter, or `all: true` for every record"
)


class SelectionInput(RequestBody):
    """Which records: those with these ids, or all that match every given filter."""

    ids: list[str] = Field([], max_length=MAX_IDS, description="ids of quarantined records")
    source: str | None = Field(None, description="records of this source")
    code: str | None = Field(None, description="records with this reason, such as `email_malformed`")
    run_id: str | None = Field(None, description="records that this run read last")
    all: Flag = Field(False, description="must be true if nothing else is given")

    def selection(self) -> Selection:
        """Return the selection.

        Raises:
            InvalidInputError: Nothing is selected. A forgotten filter must not select everything.
        """
        if not (self.ids or self.source or self.code or self.run_id or self.all):
            raise InvalidInputError((_NOTHING,))
        return Selection(ids=tuple(self.ids), source=self.source, code=self.code, run_id=self.run_id)


class ReplayInput(SelectionInput):
    """Which records to load again."""

    limit: WholeNumber = Field(200, ge=1, le=1000, description="replay at most this many records")
    dry_run: Flag = Field(False, description="only say what would happen")


class IgnoreInput(SelectionInput):
    """Which records to ignore, and why."""

    reason: Reason


class IgnoreReasonInput(RequestBody):
    """Why one record is ignored."""

    reason: Reason


class ChangedRecords(BaseModel):
    """How many records changed their state."""

    changed: int
