"""Password hashing, off the event loop."""

import asyncio
from typing import Final

from argon2 import PasswordHasher

# RFC 9106's second recommended option, argon2-cffi's default: 64 MiB and some 50 ms for each hash.
_HASHER: Final = PasswordHasher()
# Two at a time: a burst of sign-ups must not take more than 128 MiB.
_SLOTS: Final = asyncio.Semaphore(2)


async def hash_password(password: str) -> str:
    """Hash a password with argon2id; the salt and the parameters are in the result."""
    async with _SLOTS:
        return await asyncio.to_thread(_HASHER.hash, password)
