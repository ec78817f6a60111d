"""The documents of keys, sessions and login tokens, and the scopes of keys."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from beanie import Document
from pydantic import Field

API_KEYS: Final = "api_keys"
SESSIONS: Final = "sessions"
LOGIN_TOKENS: Final = "login_tokens"
MAX_KEY_NAME_CHARS: Final = 100


class Scope(StrEnum):
    """The permission of a key; each scope includes the scopes listed before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        """Tell whether a key of this scope satisfies the required scope `other`."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


class ApiKey(Document):
    """One API key.

    Only the digest of the key is stored; see `docustore.security.api_keys`.
    """

    id: str  # type: ignore[assignment]  # the middle part of the key; not secret
    name: str = Field(min_length=1, max_length=MAX_KEY_NAME_CHARS)
    scope: Scope
    hash: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = API_KEYS
        keep_nulls: ClassVar[bool] = True

    def is_usable(self, now: datetime) -> bool:
        """Tell whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class Session(Document):
    """One browser that is signed in; `id` is the digest of the token in its cookie.

    A session of a key ends with its key: `key_binding` connects the token with the key's digest, so a new key with
    the same id does not revive it. A session of a login link has no key, but a scope of its own.
    """

    id: str  # type: ignore[assignment]
    key_id: str | None = None
    key_binding: str | None = None
    scope: Scope | None = None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = SESSIONS
        keep_nulls: ClassVar[bool] = True


class LoginToken(Document):
    """The token of one login link; `id` is its digest. It is deleted when it is used."""

    id: str  # type: ignore[assignment]
    scope: Scope
    created_at: datetime
    expires_at: datetime

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = LOGIN_TOKENS
        keep_nulls: ClassVar[bool] = True
