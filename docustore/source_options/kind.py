"""The kinds of sources, and what every group of settings may rely on. Pure."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class SourceKind(StrEnum):
    """The ways to read an upstream system."""

    FILE = "file"
    HTTP = "http"
    MONGODB = "mongodb"
    SCIM = "scim"
    SQL = "sql"


class SourceAddress(BaseModel):
    """The two settings that every source has; the base of all groups."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: SourceKind = Field(
        description="how the source is read: `file`, `http`, `mongodb`, `scim` or `sql`",
    )
    # It may contain a password, so it is no part of the representation.
    url: str = Field(min_length=1, repr=False, description="address of the source, or `env:NAME` or `file:PATH`")
