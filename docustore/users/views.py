"""The API's responses with users: msgspec structs from raw documents. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from docustore.effect_states import BuildState
from docustore.users.fields import completed_fields
from docustore.users.profile import Theme, UserStatus
from docustore.users.rules import full_name
from docustore.users.sound import version_of


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

    `total` is at most 1,001. `pages` is computed from `total`. `substrings` is `live` while parts of words are
    found, and users that other clients wrote. Otherwise only the begins of words are found for sure.
    """

    users: list[UserView]
    total: int
    limit: int
    offset: int
    pages: int
    next_cursor: str | None
    substrings: BuildState


class BulkStatusResult(msgspec.Struct, frozen=True):
    """The numbers of matching and of changed users; a dry run changes 0."""

    matched: int
    modified: int


def user_view(raw: Mapping[str, Any]) -> UserView:
    """Make the response of one user from its document."""
    # The names of the mapped fields are those of the response; a test holds it.
    values = completed_fields(raw)
    profile = values["profile"]
    profile["preferences"] = PreferencesView(**profile["preferences"])
    values["profile"] = ProfileView(**profile)
    return UserView(
        id=str(raw["_id"]),
        full_name=full_name(values["first_name"], values["last_name"]),
        updated_at=raw.get("updated_at"),
        version=version_of(raw),
        **values,
    )
