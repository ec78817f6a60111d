"""The API's responses with users: msgspec structs from raw documents. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from docustore.users.profile import Theme, UserStatus
from docustore.users.rules import full_name
from docustore.users.stored import completed


class PreferencesView(msgspec.Struct, frozen=True):
    """The settings of a user."""

    notifications: bool
    theme: Theme
    language: str


class ProfileView(msgspec.Struct, frozen=True):
    """The self-description of a user, and its preferences."""

    avatar: str | None
    bio: str | None
    location: str | None
    preferences: PreferencesView


class UserView(msgspec.Struct, frozen=True):
    """One user.

    Times are RFC 3339 in UTC. `created_at` is null if it is not known.
    """

    id: str
    email: str
    first_name: str
    last_name: str
    full_name: str
    status: UserStatus
    profile: ProfileView
    roles: list[str]
    tags: list[str]
    created_at: datetime | None
    updated_at: datetime | None
    version: int


class UserPage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One page of users.

    `next_cursor` is null on the last page. `total` is present only on request.
    """

    items: list[UserView]
    next_cursor: str | None
    total: int | msgspec.UnsetType = msgspec.UNSET


class SearchPage(msgspec.Struct, frozen=True):
    """One page of matching users, newest first.

    `total` is at most 1,001. `pages` is computed from `total`.
    """

    users: list[UserView]
    total: int
    limit: int
    offset: int
    pages: int
    next_cursor: str | None


class BulkStatusResult(msgspec.Struct, frozen=True):
    """The numbers of matching and of changed users; a dry run changes 0."""

    matched: int
    modified: int


_COPIED: Final = tuple(name for name in UserView.__struct_fields__ if name not in {"id", "full_name", "profile"})


def user_view(raw: Mapping[str, Any]) -> UserView:
    """Make the view of one user from its document."""
    user = completed(raw)
    profile = user["profile"]
    profile["preferences"] = PreferencesView(**profile["preferences"])
    return UserView(
        id=str(user["_id"]),
        full_name=full_name(user["first_name"], user["last_name"]),
        profile=ProfileView(**profile),
        **{name: user[name] for name in _COPIED},
    )
