"""The embedded part of a user, and the closed set of states. Pure: pydantic only."""

from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

# Bounds of the mapped fields, in characters. They stand here once: the ETL's rules, the API's schemas and the
# collection's validator are all made from them.
MAX_EMAIL_CHARS: Final = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets
MAX_NAME_CHARS: Final = 200
MAX_AVATAR_CHARS: Final = 2048
MAX_BIO_CHARS: Final = 5000
MAX_LOCATION_CHARS: Final = 300
MAX_LANGUAGE_CHARS: Final = 35  # RFC 5646, 4.4.1
MAX_LABEL_CHARS: Final = 100
MAX_LABELS: Final = 200


class UserStatus(StrEnum):
    """Whether a user may act; deletion is a separate mark, `deleted_at`."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"


class Theme(StrEnum):
    """Colour theme of a user's pages."""

    LIGHT = "light"
    DARK = "dark"


class Preferences(BaseModel):
    """What a user has chosen; the defaults are those of a user who never chose."""

    model_config = ConfigDict(extra="forbid")

    notifications: bool = True
    theme: Theme = Theme.LIGHT
    language: str = Field("en", min_length=1, max_length=MAX_LANGUAGE_CHARS)


class Profile(BaseModel):
    """What a user shows of itself."""

    model_config = ConfigDict(extra="forbid")

    avatar: str | None = Field(None, max_length=MAX_AVATAR_CHARS)
    bio: str | None = Field(None, max_length=MAX_BIO_CHARS)
    location: str | None = Field(None, max_length=MAX_LOCATION_CHARS)
    preferences: Preferences = Field(default_factory=Preferences)
