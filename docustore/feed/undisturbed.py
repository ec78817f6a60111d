"""Finish a read although its reader has left.

The driver throws a connection away when a read on it is cancelled, and readers leave at any time.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def undisturbed(read: Coroutine[Any, Any, Result]) -> Result:
    """Wait for a read; a cancelled wait lets it finish."""
    return await asyncio.shield(started(read))


def started(read: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
    """Start a read whose error is no surprise if no reader waits for it."""
    task = asyncio.create_task(read)
    task.add_done_callback(_note)
    return task


def _note(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
