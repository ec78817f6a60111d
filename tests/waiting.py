"""Wait for an effect of another process.

The wait polls with a deadline. It never uses a fixed pause.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

POLL_S = 0.02
# Long enough for a slow and busy machine. A long deadline costs time only when a test fails.
PATIENCE_S = 300.0


async def until(
    condition: Callable[[], Awaitable[object]], *, timeout_s: float = PATIENCE_S, what: str = ""
) -> None:
    """Return when the condition is true; raise AssertionError after the deadline."""
    deadline = time.monotonic() + timeout_s
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what or condition}")
        await asyncio.sleep(POLL_S)
