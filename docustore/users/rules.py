"""The business rules of a user. Pure.

The methods change only the object. `docustore.users.writes` compares it before and after the change.
`docustore.users.service` saves the difference.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel, Field

from docustore.errors import FieldError, InvalidInputError
from docustore.users.field_types import MAX_LABELS
from docustore.users.fields import WRITABLE, WritableFields
from docustore.users.profile import Profile, UserStatus


class UserRules(WritableFields):
    """The fields that business methods change, and the methods.

    `local_roles` are the roles that the API granted; they are also in `roles`. `deleted_at` marks a deleted user.
    """

    local_roles: list[str] = Field(default_factory=list)
    deleted_at: datetime | None = None

    @property
    def full_name(self) -> str:
        """First and last name, joined with one space; either may be empty."""
        return full_name(self.first_name, self.last_name)

    @property
    def is_active(self) -> bool:
        """True if the user may act: its status is active and it is not deleted."""
        return self.status is UserStatus.ACTIVE and self.deleted_at is None

    def activate(self) -> None:
        """Allow the user to act."""
        self.status = UserStatus.ACTIVE

    def deactivate(self) -> None:
        """Mark the user as no longer in use."""
        self.status = UserStatus.INACTIVE

    def suspend(self) -> None:
        """Forbid the user to act until it is activated."""
        self.status = UserStatus.SUSPENDED

    def set_status(self, status: UserStatus) -> None:
        """Activate, deactivate or suspend."""
        actions = {
            UserStatus.ACTIVE: self.activate,
            UserStatus.INACTIVE: self.deactivate,
            UserStatus.SUSPENDED: self.suspend,
        }
        actions[status]()

    def add_role(self, role: str) -> None:
        """Grant a local role, which upstream systems do not take away.

        A user that already has the role does not change.

        Raises:
            InvalidInputError: The user already has the maximum number of roles.
        """
        if role in self.roles:
            return
        if len(self.roles) >= MAX_LABELS:
            detail = f"the user has {len(self.roles)} roles and the limit is {MAX_LABELS}; take a role away first"
            raise InvalidInputError((FieldError(pointer="/roles", code="too_long", detail=detail),))
        self.roles = [*self.roles, role]
        self.local_roles = [*self.local_roles, role]

    def remove_role(self, role: str) -> None:
        """Take a local or upstream role away; an upstream system may grant it again."""
        self.roles = [other for other in self.roles if other != role]
        self.local_roles = [other for other in self.local_roles if other != role]

    def set_roles(self, roles: list[str]) -> None:
        """Replace all roles; if they differ, all new roles become local roles."""
        if roles != self.roles:
            self.roles = list(roles)
            self.local_roles = list(roles)

    def set_profile(self, profile: Profile) -> None:
        """Replace the profile."""
        self.profile = profile

    def rewrite(self, given: WritableFields) -> None:
        """Set every writable field, by the rules of the other methods."""
        for name in WRITABLE:
            if name == "roles":
                self.set_roles(given.roles)
            elif name == "status":
                self.set_status(given.status)
            elif name == "profile":
                self.set_profile(given.profile)
            else:
                setattr(self, name, getattr(given, name))

    def writable(self) -> dict[str, Any]:
        """Return the writable fields as the document that a patch changes."""
        return self.plain(WRITABLE)

    def plain(self, names: Iterable[str]) -> dict[str, Any]:
        """Return some fields as they are stored.

        A value of another client that does not fit the model stays as it is; JSON may not have its type.
        """
        return {name: _plain(getattr(self, name)) for name in names}

    def mark_deleted(self, now: datetime) -> None:
        """Mark the user as deleted.

        Lists, search and counts no longer include it. Another user may take its e-mail address.
        """
        self.deleted_at = now

    def restore(self) -> None:
        """Undo a deletion."""
        self.deleted_at = None


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value.value if isinstance(value, Enum) else value


def full_name(first_name: str, last_name: str) -> str:
    """Join the names with one space; either may be empty."""
    return f"{first_name} {last_name}".strip()
