"""How many records of one run may violate the rules of data quality. Pure."""

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class GateMode(StrEnum):
    """What happens when the records of a run violate too much.

    `warn` tells of it. `block` leaves the watermark where it is until a person approves the run.
    """

    WARN = "warn"
    BLOCK = "block"


class GateLimit(BaseModel):
    """The accepted violations of a rule: a number, a percentage, or both."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    count: int | None = Field(None, ge=0)
    percent: float | None = Field(None, ge=0, le=100)

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.count is None and self.percent is None:
            msg = "give a count, a percent, or both"
            raise ValueError(msg)
        return self


class QualityGate(BaseModel):
    """The table `[sources.NAME.quality_gate]`; without a limit there is no gate."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    mode: GateMode = Field(
        GateMode.WARN,
        description="`warn` raises an alert, `block` holds the run until it is approved",
    )
    error: GateLimit | None = Field(
        None,
        description="records of one run that may violate a rule of this severity, such as `{ percent = 1 }`",
    )
    warning: GateLimit | None = Field(None, description="the same for each rule of the severity `warning`")
    info: GateLimit | None = Field(None, description="the same for each rule of the severity `info`")
    rules: dict[str, GateLimit] = Field(
        default_factory=dict, description="the same for single rules by name, instead of their severity"
    )

    @property
    def is_set(self) -> bool:
        """Tell whether anything is limited."""
        return bool(self.error or self.warning or self.info or self.rules)
