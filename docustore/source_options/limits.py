"""How much one run of a source may change without a person's approval. Pure."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class NewFields(StrEnum):
    """What happens when a source sends fields that it did not send before."""

    EVOLVE = "evolve"
    WARN = "warn"
    FREEZE = "freeze"


class ChangeLimits(BaseModel):
    """The table `[sources.NAME.limits]`.

    The percentages are of the source's known users. They do not apply to the first load of a source.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    max_inserted: int | None = Field(None, ge=0, description="users that one run may insert; unset = no limit")
    max_inserted_pct: float | None = Field(
        None, ge=0, description="the same, in percent of the source's users; unset = no limit"
    )
    max_updated: int | None = Field(None, ge=0, description="users that one run may update; unset = no limit")
    max_updated_pct: float | None = Field(
        None, ge=0, description="the same, in percent of the source's users; unset = no limit"
    )
    max_deactivated: int | None = Field(
        None, ge=0, description="active users that one run may deactivate or suspend; unset = no limit"
    )
    max_deactivated_pct: float | None = Field(
        20.0, ge=0, description="the same, in percent of the source's users; 100 = no limit"
    )
    pct_from: int = Field(10, ge=0, description="up to this number of users, the percentages do not count")
