"""The guards of one attempt at a run, as its pages see them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from docustore.etl.guards.brake import Brake
from docustore.etl.guards.diff import Diff
from docustore.etl.guards.fields import FieldWatch
from docustore.etl.guards.gate import Gate
from docustore.etl.guards.gate_result import GateResult
from docustore.etl.guards.sample import Sample
from docustore.etl.guards.seen import Seen
from docustore.etl.guards.snapshot_result import SnapshotResult
from docustore.etl.guards.verified import Verification


@dataclass(slots=True, kw_only=True)
class Guards:
    """What watches the pages of a run; without arguments, nothing."""

    brake: Brake = field(default_factory=Brake)
    fields: FieldWatch | None = None
    # Only of a dry run.
    diff: Diff | None = None
    seen: Seen | None = None
    snapshot: SnapshotResult | None = None
    sample: Sample | None = None
    verification: Verification | None = None
    # Only where the source has limits.
    gate: Gate | None = None
    gate_result: GateResult | None = None

    def refuses(self, records: Sequence[bytes]) -> bool:
        """Look at the records of a page; true if they must not be stored."""
        if self.fields is None or not (refused := self.fields.refused(records)):
            return False
        self.brake.hold_for_fields(refused)
        # A dry run goes on: it says whether the run would be held.
        return self.diff is None
