"""What the ETL keeps: sources with their watermarks, runs, and quarantined records."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from beanie import Document
from pydantic import BaseModel, Field

RUNS: Final = "etl_runs"
SOURCES: Final = "etl_sources"
QUARANTINE: Final = "etl_quarantine"
TOMBSTONES: Final = "etl_tombstones"


class RunState(StrEnum):
    """Where a run is. Only `due` and `running` can still change."""

    DUE = "due"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class RunTrigger(StrEnum):
    """Who asked for a run."""

    SCHEDULE = "schedule"
    API = "api"
    CLI = "cli"


class QuarantineState(StrEnum):
    """Whether a quarantined record still waits for somebody."""

    OPEN = "open"
    RESOLVED = "resolved"
    IGNORED = "ignored"


class Window(BaseModel):
    """The half-open interval [since, until) of modification times a run reads; None = unbounded."""

    since: datetime | None = None
    until: datetime | None = None


class WatermarkChange(BaseModel):
    """The source's watermark before and after a run."""

    before: datetime | None = None
    after: datetime | None = None


class Counts(BaseModel):
    """What became of every record read; `read` is the sum of all but `warnings`."""

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
        """True when every record read is accounted for exactly once."""
        return self.read == (
            self.inserted + self.updated + self.unchanged + self.stale + self.quarantined + self.deactivated
        )


class RunOptions(BaseModel):
    """What a manual run was asked to do differently from the hourly one."""

    full: bool = False
    dry_run: bool = False
    since: datetime | None = None
    until: datetime | None = None


class Checkpoint(BaseModel):
    """How far a run has got: every record before `position` is in the store and in `counts`.

    `position` is the source's own mark: a page's cursor, or a record number.
    """

    position: str | None = None
    counts: Counts = Field(default_factory=Counts)
    quality: dict[str, int] = Field(default_factory=dict)


class EtlRun(Document):
    """One run of one source; scheduled runs are unique on (source, slot)."""

    source: str
    slot: datetime | None = None
    trigger: RunTrigger
    options: RunOptions = Field(default_factory=RunOptions)
    # Worked on by the process that entered it, such as a command: workers leave it alone.
    is_attended: bool = False
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

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = RUNS
        keep_nulls: ClassVar[bool] = True


class EtlSource(Document):
    """What is known of one source between runs."""

    id: str  # type: ignore[assignment]  # the source's name
    watermark: datetime | None = None
    paused: bool = False

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = SOURCES
        keep_nulls: ClassVar[bool] = True


class QuarantinedRecord(Document):
    """A record that could not be loaded, whole, with every reason; unique on (source, fingerprint)."""

    source: str
    fingerprint: str
    run_id: str
    identity_key: str | None = None
    position: str
    raw: str
    raw_bytes: int
    errors: list[dict[str, Any]]
    state: QuarantineState = QuarantineState.OPEN
    seen: int = 1
    first_seen_at: datetime
    last_seen_at: datetime

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = QUARANTINE
        keep_nulls: ClassVar[bool] = True
