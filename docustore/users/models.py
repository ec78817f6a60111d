"""The stored user of the collection `users`."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from beanie import Document
from pydantic import BaseModel, ConfigDict, Field

from docustore.users.cause import Cause
from docustore.users.rules import UserRules
from docustore.users.stored import SCHEMA_VERSION, USERS


class Identity(BaseModel):
    """One source record of a user; see `docustore.users.identities`."""

    model_config = ConfigDict(extra="forbid")

    key: str
    modified_at: datetime
    hash: str
    deleted_at: datetime | None = None
    absent: bool = False
    rivals: list[str] = Field(default_factory=list)
    mapping: str = ""
    values: dict[str, Any] | None = None


class User(UserRules, Document):
    """A user with its embedded profile and the business methods of `UserRules`.

    `docustore.users.service` saves the changes of these methods, guarded by `version`. `password_hash` is not a
    field here. Reads exclude it in the query, so it cannot leak through a model.
    """

    identities: list[Identity] = Field(default_factory=list)
    search_terms: list[str] = Field(default_factory=list)
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    updated_by: str | None = None
    cause: Cause | None = None
    version: int = Field(1, ge=1)
    schema_version: int = SCHEMA_VERSION

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = USERS
        keep_nulls: ClassVar[bool] = True
