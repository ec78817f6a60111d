"""The documents of the collection `api_keys`, and the scopes of keys."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from beanie import Document
from pydantic import Field

API_KEYS: Final = "api_keys"
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
