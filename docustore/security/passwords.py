"""Password hashing in a thread, outside the event loop."""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

# The second recommended option of RFC 9106 and the default of argon2-cffi: 64 MiB and about 50 ms per hash.
_HASHER: Final = PasswordHasher()
# Two hashes at a time: many sign-ups at once must not use more than 128 MiB.
_SLOTS: Final = asyncio.Semaphore(2)


async def hash_password(password: str) -> str:
    """Hash a password with argon2id; the result contains the salt and parameters."""
    async with _SLOTS:
        return await asyncio.to_thread(_HASHER.hash, password)


async def is_password(password: str, *, password_hash: str) -> bool:
    """Tell whether the hash was made from this password; as slow as hashing."""
    async with _SLOTS:
        return await asyncio.to_thread(_matches, password, password_hash)


def _matches(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except VerifyMismatchError:
        return False
