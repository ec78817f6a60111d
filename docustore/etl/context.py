"""The facts that all stages of one attempt at a run share."""

from dataclasses import dataclass, field

from docustore.database import Database
from docustore.etl.guards.guards import Guards
from docustore.etl.models import RunOptions
from docustore.etl.observed import Observed
from docustore.etl.open_entries import OpenEntries
from docustore.etl.operations import writer_of
from docustore.etl.rehearsal import Rehearsal
from docustore.etl.stamps import Stamps
from docustore.etl.transform import RecordRules
from docustore.users.cause import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One attempt at a run, as its pages, batches and records see it.

    `is_repeated` is true if this attempt has already tried to store the page and may have written a part of it.
    `replayed_by` is the person who replays quarantined records, with the `request_id` of its request.
    """

    database: Database
    run_id: str
    rules: RecordRules
    options: RunOptions
    stamps: Stamps
    observed: Observed = field(default_factory=Observed)
    guards: Guards = field(default_factory=Guards)
    open_entries: OpenEntries = field(default_factory=OpenEntries)
    rehearsal: Rehearsal = field(default_factory=Rehearsal)
    is_repeated: bool = False
    replayed_by: str | None = None
    request_id: str | None = None

    @property
    def cause(self) -> Cause:
        """The cause of the users that are written: the run, or the replay of a person."""
        actor = writer_of(self.rules.source)
        if self.replayed_by is None:
            return Cause(actor=actor, run_id=self.run_id)
        reason = f"quarantine replay by {self.replayed_by}"
        return Cause(actor=actor, request_id=self.request_id, reason=reason)

    @property
    def may_be_written(self) -> bool:
        """Tell whether records may have been written before and are not counted."""
        return self.is_repeated or self.stamps.is_resumed
