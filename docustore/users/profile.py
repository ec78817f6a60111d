"""The embedded profile of a user, and the closed sets of its words. Pure."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from docustore.api.body_types import Flag
from docustore.users.field_types import (
    MAX_AVATAR_CHARS,
    MAX_BIO_CHARS,
    MAX_LANGUAGE_CHARS,
    MAX_LOCATION_CHARS,
    Avatar,
    Bio,
    Language,
    Location,
    Reading,
    Wire,
)


class UserStatus(StrEnum):
    """Whether a user may act; deletion is a separate field, `deleted_at`."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"


class Theme(StrEnum):
    """Colour theme of a user's pages."""

    LIGHT = "light"
    DARK = "dark"


class Preferences(BaseModel):
    """The settings of a user; the defaults are for a user without choices."""

    model_config = ConfigDict(extra="forbid")

    notifications: Annotated[Flag, Wire(Reading.FLAG, is_requirable=False)] = True
    theme: Annotated[Theme, Wire(Reading.THEME, is_requirable=False)] = Theme.LIGHT
    language: Annotated[
        Language,
        Wire(Reading.WORDS, max_chars=MAX_LANGUAGE_CHARS, is_requirable=False),
    ] = "en"


class Profile(BaseModel):
    """The self-description of a user, and its preferences."""

    model_config = ConfigDict(extra="forbid")

    avatar: Annotated[
        Avatar | None, Wire(Reading.URL, names=("avatar_url", "avatarUrl"), max_chars=MAX_AVATAR_CHARS)
    ] = None
    bio: Annotated[Bio | None, Wire(Reading.TEXT, max_chars=MAX_BIO_CHARS)] = None
    location: Annotated[Location | None, Wire(Reading.WORDS, max_chars=MAX_LOCATION_CHARS)] = None
    preferences: Preferences = Field(default_factory=Preferences)
