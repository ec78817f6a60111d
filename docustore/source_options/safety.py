"""Settings of what keeps a run from doing harm. Pure."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from docustore.source_options.kind import SourceAddress
from docustore.source_options.limits import ChangeLimits


class NewFields(StrEnum):
    """What happens when a source sends fields that it did not send before."""

    EVOLVE = "evolve"
    WARN = "warn"
    FREEZE = "freeze"


class SafetyOptions(SourceAddress):
    """What a run of a source may change; see `docustore.etl.guards`."""

    deletes: Literal["off", "snapshot"] = Field(
        "off",
        description="`snapshot`: a record that is missing in two full readings in a row was deleted upstream",
    )
    new_fields: NewFields = Field(
        NewFields.WARN,
        description="fields that the source did not have before: `evolve` takes them, `warn` reports those that "
        "nothing reads, `freeze` holds the run until it is approved",
    )
    max_missing_pct: float | None = Field(
        None,
        ge=0,
        le=100,
        description="a run fails if a required field is missing in more percent of its records; unset = no limit",
    )
    limits: ChangeLimits = Field(
        default_factory=ChangeLimits, description="how much one run may change without approval"
    )
