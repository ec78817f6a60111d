"""The user as it lies in the collection `users`."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final

from beanie import Document
from pydantic import BaseModel, ConfigDict, Field

from docustore.users.profile import MAX_EMAIL_CHARS, MAX_NAME_CHARS, Profile, UserStatus

SCHEMA_VERSION: Final = 1

Name = Annotated[str, Field(max_length=MAX_NAME_CHARS)]


class Identity(BaseModel):
    """One upstream record that this user is made of; see `docustore.users.identities`."""

    model_config = ConfigDict(extra="forbid")

    key: str
    modified_at: datetime
    hash: str
    deleted_at: datetime | None = None
    values: dict[str, Any] | None = None


class User(Document):
    """A user with its embedded profile.

    The business methods change the object only; `docustore.users.service` saves it, guarded by `version`.
    `password_hash` is no field here: reads exclude it in the query, so it cannot leak through a model.
    """

    email: str = Field(max_length=MAX_EMAIL_CHARS)
    first_name: Name = ""
    last_name: Name = ""
    status: UserStatus = UserStatus.ACTIVE
    profile: Profile = Field(default_factory=Profile)
    roles: list[str] = Field(default_factory=list)
    local_roles: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    identities: list[Identity] = Field(default_factory=list)
    search_terms: list[str] = Field(default_factory=list)
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    updated_by: str | None = None
    deleted_at: datetime | None = None
    version: int = Field(1, ge=1)
    schema_version: int = SCHEMA_VERSION

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = "users"
        keep_nulls: ClassVar[bool] = True

    @property
    def full_name(self) -> str:
        """First and last name with one space between; either may be empty."""
        return full_name(self.first_name, self.last_name)

    @property
    def is_active(self) -> bool:
        """True when the user may act: status active and not deleted."""
        return self.status is UserStatus.ACTIVE and self.deleted_at is None

    def activate(self) -> None:
        """Let the user act."""
        self.status = UserStatus.ACTIVE

    def deactivate(self) -> None:
        """Mark the user as no longer in use."""
        self.status = UserStatus.INACTIVE

    def suspend(self) -> None:
        """Bar the user from acting until somebody activates it."""
        self.status = UserStatus.SUSPENDED

    def add_role(self, role: str) -> None:
        """Grant a role; granting it twice changes nothing."""
        if role not in self.roles:
            self.roles.append(role)

    def remove_role(self, role: str) -> None:
        """Take a role away; taking one that is not there changes nothing."""
        if role in self.roles:
            self.roles.remove(role)


def full_name(first_name: str, last_name: str) -> str:
    """Join the names with one space; either may be empty."""
    return f"{first_name} {last_name}".strip()
