"""How far a running run is."""

from enum import StrEnum

from pydantic import BaseModel, Field


class RunPhase(StrEnum):
    """What a running run does.

    Reading and storing overlap; `storing` begins after the last page.
    """

    OPENING = "opening"
    READING = "reading"
    STORING = "storing"
    VERIFYING = "verifying"
    COMMITTING = "committing"


class RunProgress(BaseModel):
    """How far a run is; `total`, `per_s` and `eta_s` are null where they are unknown."""

    phase: RunPhase
    done: int = Field(description="what has been read, in `unit`")
    total: int | None
    unit: str = Field(description="`records`, or `bytes` of a file")
    per_s: float | None = Field(description="units per second in the last half minute")
    eta_s: float | None = Field(description="seconds until everything is read, at this rate")
