"""What the comparison of a run's sample with the store has found. Pure."""

from pydantic import BaseModel, Field


class Difference(BaseModel):
    """A record that is not stored as it was meant to be.

    `fields` are names, without values.
    """

    identity: str
    user_id: str | None
    fields: list[str]


class Verification(BaseModel):
    """The records of a run that were read back, and those that differ."""

    sampled: int = 0
    differences: list[Difference] = Field(default_factory=list)

    def __str__(self) -> str:
        """Say it in one line."""
        found = "; ".join(
            f"{each.user_id or each.identity}: {', '.join(each.fields)}" for each in self.differences
        )
        return f"{self.sampled:,} records read back, {len(self.differences):,} differ" + (
            f" ({found})" if found else ""
        )
