"""Password hashing in a thread, outside the event loop."""

import asyncio
import os
from collections.abc import Callable
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from docustore.errors import PasswordsBusyError

Result = TypeVar("Result")

# The second recommended option of RFC 9106 and the default of argon2-cffi: 64 MiB and about 50 ms per hash.
_HASHER: Final = PasswordHasher()
# Each hash uses several cores and 64 MiB. Other requests must still get a core.
SLOTS: Final = 1 if (os.cpu_count() or 1) <= 2 else 2  # noqa: PLR2004  # cores
# Above this, a caller would wait for seconds: it gets 503 at once instead.
MAX_WAITING: Final = 20


class PasswordHashing:
    """Hashes at most `SLOTS` passwords at a time; at most `max_waiting` others wait."""

    def __init__(self, *, slots: int = SLOTS, max_waiting: int = MAX_WAITING) -> None:
        self._slots = asyncio.Semaphore(slots)
        self._places = slots + max_waiting
        self._taken = 0

    async def hash(self, password: str) -> str:
        """Hash a password with argon2id; the result contains the salt and parameters.

        Raises:
            PasswordsBusyError: Too many passwords wait already.
        """
        return await self._in_turn(_HASHER.hash, password)

    async def matches(self, password: str, password_hash: str) -> bool:
        """Tell whether the hash was made from this password.

        Raises:
            PasswordsBusyError: Too many passwords wait already.
        """
        return await self._in_turn(_matches, password, password_hash)

    async def _in_turn(self, work: Callable[..., Result], *arguments: str) -> Result:
        if self._taken >= self._places:
            raise PasswordsBusyError
        self._taken += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work, *arguments)
        finally:
            self._taken -= 1


_HASHING: Final = PasswordHashing()


async def hash_password(password: str) -> str:
    """Hash a password of a user; see `PasswordHashing`."""
    return await _HASHING.hash(password)


async def is_password(password: str, *, password_hash: str) -> bool:
    """Tell whether the hash was made from this password; as slow as hashing.

    Raises:
        PasswordsBusyError: Too many passwords wait already.
    """
    return await _HASHING.matches(password, password_hash)


def _matches(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except VerifyMismatchError:
        return False
