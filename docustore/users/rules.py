"""The business rules of a user: what may change, and what follows from it. Pure.

The methods change the object only. `docustore.users.writes` compares it before and after,
`docustore.users.service` saves the difference.
"""

from datetime import datetime
from typing import Any

from pydantic import Field

from docustore.errors import FieldError, InvalidInputError
from docustore.users.field_types import MAX_LABELS
from docustore.users.fields import WRITABLE, WritableFields
from docustore.users.profile import Profile, UserStatus


class UserRules(WritableFields):
    """The fields that business methods change, and these methods.

    `local_roles` are those of `roles` that were granted here. `deleted_at` marks a deleted user.
    """

    local_roles: list[str] = Field(default_factory=list)
    deleted_at: datetime | None = None

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
        """Bar the user from acting until it is activated."""
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
        """Grant a role here. It is a local role, so no upstream system takes it away.

        Raises:
            InvalidInputError: The user has the most roles that a user may have.
        """
        if role in self.roles:
            return
        if len(self.roles) >= MAX_LABELS:
            detail = f"the user has {len(self.roles)} roles, the limit is {MAX_LABELS}: take one away first"
            raise InvalidInputError((FieldError(pointer="/roles", code="too_long", detail=detail),))
        self.roles = [*self.roles, role]
        self.local_roles = [*self.local_roles, role]

    def remove_role(self, role: str) -> None:
        """Take a role away, wherever it came from. An upstream system may grant it again."""
        self.roles = [other for other in self.roles if other != role]
        self.local_roles = [other for other in self.local_roles if other != role]

    def set_roles(self, roles: list[str]) -> None:
        """Make these exactly the roles. If they differ, all of them become local roles."""
        if roles != self.roles:
            self.roles = list(roles)
            self.local_roles = list(roles)

    def set_profile(self, profile: Profile) -> None:
        """Replace the profile."""
        self.profile = profile

    def rewrite(self, given: WritableFields) -> None:
        """Set every writable field; see the methods for the rules of single fields."""
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
        """Show the user as a client writes it: the JSON document that a patch is applied to."""
        # No warnings: values of other clients may not fit the model.
        return self.model_dump(mode="json", include=set(WRITABLE), warnings=False)

    def mark_deleted(self, now: datetime) -> None:
        """Take the user out of lists, search and counts; its e-mail address is free again."""
        self.deleted_at = now

    def restore(self) -> None:
        """Take a deletion back."""
        self.deleted_at = None


def full_name(first_name: str, last_name: str) -> str:
    """Join the names with one space; either may be empty."""
    return f"{first_name} {last_name}".strip()
