"""The documents of the ETL: sources with watermarks, runs, quarantined records."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from beanie import Document
from pydantic import BaseModel, Field

from docustore.etl.guards.gate_result import GateResult
from docustore.etl.guards.hold import Approval, Hold, Rejection, SourceHold
from docustore.etl.guards.snapshot_result import SnapshotResult, SourceSnapshot
from docustore.etl.guards.usual_fields import MissingFields
from docustore.etl.guards.verified import Verification
from docustore.etl.lineage_event import Lineage
from docustore.etl.run_progress import RunProgress
from docustore.etl.unread import Unread

RUNS: Final = "etl_runs"
SOURCES: Final = "etl_sources"
QUARANTINE: Final = "etl_quarantine"
TOMBSTONES: Final = "etl_tombstones"
SNAPSHOTS: Final = "etl_snapshots"
DIFFS: Final = "etl_diffs"
# The lane of runs beside the live run of a source; the lane of live runs is None.
BACKFILL: Final = "backfill"


class RunState(StrEnum):
    """The state of a run; only `due` and `running` can still change."""

    DUE = "due"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"

    @property
    def is_open(self) -> bool:
        """Tell whether the state can still change."""
        return self in {RunState.DUE, RunState.RUNNING}


class RunTrigger(StrEnum):
    """What started a run."""

    SCHEDULE = "schedule"
    API = "api"
    CLI = "cli"


class QuarantineState(StrEnum):
    """The state of a quarantined record; `open` waits for a person.

    A record that is seen again is open again, unless it is `ignored`. It is `resolved` when it loads, or when a
    newer version of it loads.
    """

    OPEN = "open"
    RESOLVED = "resolved"
    IGNORED = "ignored"


class Window(BaseModel):
    """The half-open interval [since, until) of modification times; None is unbounded."""

    since: datetime | None = None
    until: datetime | None = None


class WatermarkChange(BaseModel):
    """The source's watermark before and after a run."""

    before: datetime | None = None
    after: datetime | None = None


class Counts(BaseModel):
    """The outcomes of the records; `read` is the sum of all others but `warnings`.

    `read` is counted where a page is read, the outcomes where its records are stored. Each outcome is that of the
    write that succeeded: `inserted` counts an identity that was not known and became a user, once.
    """

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    quarantined: int = 0
    deactivated: int = 0
    warnings: int = 0

    @property
    def is_balanced(self) -> bool:
        """True when every record read has exactly one outcome."""
        return self.read == (
            self.inserted + self.updated + self.unchanged + self.stale + self.quarantined + self.deactivated
        )


class RunOptions(BaseModel):
    """How a manual run differs from the hourly run."""

    full: bool = False
    dry_run: bool = False
    since: datetime | None = None
    until: datetime | None = None


class Checkpoint(BaseModel):
    """The progress of a run: every record before `position` is stored and counted.

    `position` is the source's own mark, such as a page's cursor or a record number. `stamp` is the time that the
    last page's writes carry (`docustore.etl.stamps`).
    """

    position: str | None = None
    stamp: datetime | None = None
    counts: Counts = Field(default_factory=Counts)
    quality: dict[str, int] = Field(default_factory=dict)
    progress: RunProgress | None = None
    unread: Unread = Field(default_factory=Unread)


class EtlRun(Document):
    """One run of one source; scheduled runs are unique on (source, slot)."""

    source: str
    slot: datetime | None = None
    # The oldest of the slots that were merged into this run.
    first_slot: datetime | None = None
    # The sources of `after` without a success yet.
    waits_for: list[str] = Field(default_factory=list)
    # A person asked for it: the run waits neither for other sources nor for a resume.
    starts_anyway: bool = False
    trigger: RunTrigger
    options: RunOptions = Field(default_factory=RunOptions)
    # The process that created the run, such as a command, works on it. Workers do not claim it.
    is_attended: bool = False
    lane: str | None = None
    state: RunState = RunState.DUE
    window: Window = Field(default_factory=Window)
    watermark: WatermarkChange = Field(default_factory=WatermarkChange)
    checkpoint: Checkpoint = Field(default_factory=Checkpoint)
    counts: Counts = Field(default_factory=Counts)
    quality: dict[str, int] = Field(default_factory=dict)
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_s: float | None = None
    records_per_s: float | None = None
    attempts: int = 0
    fence: int = 0
    lease_owner: str | None = None
    lease_expires_at: datetime | None = None
    not_before: datetime | None = None
    alerted_at: datetime | None = None
    error: str | None = None
    # The class of the error that failed the run.
    failure: str | None = None
    # Absent if no receiver was configured when the run started.
    lineage: Lineage | None = None
    # See `docustore.etl.guards`.
    needs_approval: bool = False
    # Such as an unchanged file: what it read is not all that the source has.
    left_out_known: bool = False
    hold: Hold | None = None
    approval: Approval | None = None
    rejection: Rejection | None = None
    approved_run_id: str | None = None
    new_fields: list[str] = Field(default_factory=list)
    missing_fields: list[str] = Field(default_factory=list)
    snapshot: SnapshotResult | None = None
    verification: Verification | None = None
    gate: GateResult | None = None

    @property
    def progress_so_far(self) -> "EtlRun | Checkpoint":
        """The holder of the present `counts` and `quality`: the run once it is finished."""
        return self if self.finished_at is not None else self.checkpoint

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = RUNS
        keep_nulls: ClassVar[bool] = True


class EtlSource(Document):
    """The state of one source between runs."""

    id: str  # type: ignore[assignment]  # the source's name
    watermark: datetime | None = None
    paused: bool = False
    paused_at: datetime | None = None
    paused_by: str | None = None
    pause_reason: str | None = None
    resumed_at: datetime | None = None
    # The schedule that a worker last saw, and the time from which it has slots.
    schedule: str | None = None
    schedule_since: datetime | None = None
    # Every trigger writes it, so that two triggers at the same time see each other.
    triggers: int = 0
    # What the name stands for, if it was given by an address and not by the settings.
    addresses: list[str] = Field(default_factory=list)
    # The fields that its records had so far; None before the first successful run.
    fields: list[str] | None = None
    # Those that most of its records have; see `docustore.etl.guards.usual_fields`.
    usual_fields: list[str] = Field(default_factory=list)
    missing: MissingFields | None = None
    held: SourceHold | None = None
    snapshot: SourceSnapshot | None = None
    # The digest of the mapping of the last full read; empty without a mapping.
    mapping: str = ""

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = SOURCES
        keep_nulls: ClassVar[bool] = True


class QuarantinedRecord(Document):
    """A record that could not be loaded; unique on (source, fingerprint).

    `modified_at` is the record's own time, `observed_at` the time that it has without one. `is_row` is true for
    text that the source could not split into fields, such as a row of a CSV table.
    """

    source: str
    fingerprint: str
    run_id: str
    identity_key: str | None = None
    modified_at: datetime | None = None
    observed_at: datetime | None = None
    is_row: bool = False
    position: str
    raw: str
    raw_bytes: int
    omitted_bytes: int = 0
    errors: list[dict[str, Any]]
    state: QuarantineState = QuarantineState.OPEN
    seen: int = 1
    first_seen_at: datetime
    last_seen_at: datetime
    # Who closed it, and when: `run <id>`, or an actor as in the audit log.
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    ignored_at: datetime | None = None
    ignored_by: str | None = None
    ignored_reason: str | None = None

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = QUARANTINE
        keep_nulls: ClassVar[bool] = True
