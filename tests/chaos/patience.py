"""Repeat a test's own requests while the servers are away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pymongo.errors import PyMongoError
from redis.exceptions import RedisError


async def patiently(work: Callable[[], Awaitable[Any]]) -> Any:
    """Return the result of the first call that a server answers."""
    while True:
        try:
            return await work()
        except (PyMongoError, RedisError, OSError):
            await asyncio.sleep(0.2)  # the servers are away: this paces the repetition
