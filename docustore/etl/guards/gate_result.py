"""What the quality gate of a source has found in the records of a run. Pure."""

from pydantic import BaseModel, Field

from docustore.source_options.quality_gate import GateMode


class GateBreach(BaseModel):
    """A rule that more records violate than the gate accepts."""

    rule: str
    severity: str
    violated: int
    applicable: int
    max_count: int | None = None
    max_percent: float | None = None

    def __str__(self) -> str:
        """Say it in a few words."""
        limits = [] if self.max_count is None else [f"{self.max_count:,}"]
        if self.max_percent is not None:
            limits.append(f"{self.max_percent:g} %")
        return (
            f"{self.violated:,} of {self.applicable:,} records violate {self.rule} (limit {' or '.join(limits)})"
        )


class GateResult(BaseModel):
    """The records of a run against the gate.

    `judged` is without the records that say a user has ended. `not_evaluated` counts what a rule could not judge,
    by rule; such a record never counts as good.
    """

    mode: GateMode
    judged: int
    is_passed: bool
    over: list[GateBreach] = Field(default_factory=list)
    not_evaluated: dict[str, int] = Field(default_factory=dict)

    def __str__(self) -> str:
        """Say it in one line."""
        return "; ".join(map(str, self.over)) or f"{self.judged:,} records judged, within the limits"
