"""A run that waits for a person's approval. Pure."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field


class HoldCode(StrEnum):
    """Why a run waits."""

    MASS_INSERT = "mass_insert"
    MASS_UPDATE = "mass_update"
    MASS_LOSS = "mass_loss"
    NEW_FIELDS = "new_fields"
    QUALITY = "quality"


class Hold(BaseModel):
    """What a held run would have changed.

    Numbers are of records, by `inserted`, `updated` and `deactivated`. `stored` was stored before the run was
    held, and stays. `total` is the whole change. `limits` are those of this run.
    `new_fields` are fields that the source did not have before. `quality` counts the records that violate a rule
    more often than the quality gate accepts, by rule.
    """

    codes: list[HoldCode]
    stored: dict[str, int] = Field(default_factory=dict)
    total: dict[str, int] = Field(default_factory=dict)
    limits: dict[str, int] = Field(default_factory=dict)
    new_fields: list[str] = Field(default_factory=list)
    quality: dict[str, int] = Field(default_factory=dict)

    def __str__(self) -> str:
        """Say it in one sentence, without the next step."""
        over = [
            f"{self.total[kind]:,} {kind} (limit {limit:,})"
            for kind, limit in self.limits.items()
            if self.total.get(kind, 0) > limit
        ]
        parts = [f"it would have {', '.join(over)}"] if over else []
        if self.new_fields:
            parts.append(f"it brings new fields: {', '.join(self.new_fields)}")
        if self.quality:
            violated = ", ".join(f"{rule} in {number:,}" for rule, number in self.quality.items())
            parts.append(f"its records violate {violated}")
        return " and ".join(parts) or ", ".join(self.codes)


class Approval(BaseModel):
    """A person's approval of a held run; it lets one run make that change."""

    run_id: str
    by: str
    at: datetime
    total: dict[str, int] = Field(default_factory=dict)
    new_fields: list[str] = Field(default_factory=list)
    quality: dict[str, int] = Field(default_factory=dict)


class Rejection(BaseModel):
    """A person's decision against a held run's change."""

    by: str
    at: datetime
    reason: str


class SourceHold(BaseModel):
    """The latest held run of a source; a successful run removes it.

    `stored` is what the held runs since the last success have stored together. It counts for the next run, so that
    a change does not pass a limit in small parts.
    """

    run_id: str
    at: datetime
    stored: dict[str, int] = Field(default_factory=dict)
    # The run waits no longer; what it has stored still counts.
    is_rejected: bool = False
