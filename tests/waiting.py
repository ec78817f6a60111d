"""Wait for something that another process does: by looking, with a deadline, never by a fixed pause."""

import asyncio
import time
from collections.abc import Awaitable, Callable

POLL_S = 0.02
# For a machine many times slower, with other work to do: a long deadline costs time only where a test fails.
PATIENCE_S = 120.0


async def until(
    condition: Callable[[], Awaitable[object]], *, timeout_s: float = PATIENCE_S, what: str = ""
) -> None:
    """Return when the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what or condition}")
        await asyncio.sleep(POLL_S)
