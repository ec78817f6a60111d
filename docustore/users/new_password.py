"""The password of one write: hashed once, and only if the write can succeed."""

from typing import Any

from docustore.errors import EmailTakenError
from docustore.security.passwords import hash_password
from docustore.users.schemas import UserInput
from docustore.users.store import users


class NewPassword:
    """Keeps the hash while a write is retried."""

    def __init__(self) -> None:
        self._hashed: tuple[str, str] | None = None

    async def hash_of(self, given: UserInput, *, user_id: Any = None) -> str | None:
        """Hash the given password; None if there is none.

        The e-mail address is checked first: a hash costs far more than a query.

        Args:
            user_id: The `_id` of the user that is changed; None for a new user.

        Raises:
            EmailTakenError: Another user, who is not deleted, has the address.
            PasswordsBusyError: Too many passwords wait to be hashed.
        """
        if given.password is None:
            return None
        plain = given.password.get_secret_value()
        if self._hashed is None or self._hashed[0] != plain:
            await _refuse_taken(given.email, user_id)
            self._hashed = (plain, await hash_password(plain))
        return self._hashed[1]


async def _refuse_taken(email: str, user_id: Any) -> None:
    other = {"email": email, "deleted_at": None, "_id": {"$ne": user_id}}
    if await users().find_one(other, {"_id": 1}) is not None:
        raise EmailTakenError
