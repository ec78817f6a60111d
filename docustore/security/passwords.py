"""Password hashing in a thread, outside the event loop."""

import asyncio
import os
from typing import Final

from argon2 import PasswordHasher

from docustore.errors import PasswordsBusyError

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
        if self._taken >= self._places:
            raise PasswordsBusyError
        self._taken += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(_HASHER.hash, password)
        finally:
            self._taken -= 1


_HASHING: Final = PasswordHashing()


async def hash_password(password: str) -> str:
    """Hash a password of a user; see `PasswordHashing`."""
    return await _HASHING.hash(password)
