"""What an `Idempotency-Key` compares: a request as it was sent. Pure."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRequest:
    """A request to create a user; `body` is its JSON document, not normalised."""

    method: str
    path: str
    query: str
    media_type: str
    body: dict[str, Any]

    @property
    def digest(self) -> str:
        """A digest of everything except the password itself.

        A fast digest of the password would allow guessing it. The digest covers whether there is a password;
        `docustore.users.idempotency` compares the password by its slow hash.
        """
        rest = {name: value for name, value in self.body.items() if name != "password"}
        has_password = self.body.get("password") is not None
        parts = (self.method, self.path, self.query, self.media_type.lower(), has_password, rest)
        return sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()
