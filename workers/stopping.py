"""The end of a process whose stop takes too long."""

import asyncio
import os
from typing import Final

import structlog

log = structlog.get_logger()

# Longer than any batch, shorter than the grace period of a supervisor or container.
STOP_GRACE_S: Final = 8.0


async def cut_off_after(stop: asyncio.Event, *, event: str) -> None:
    """End the process when a stop takes too long: MongoDB may hang.

    Nothing is lost: the next process repeats what is not committed, and the lease expires.

    Args:
        event: The name of the event in the log.
    """
    await stop.wait()
    await asyncio.sleep(STOP_GRACE_S)
    log.error(event, grace_s=STOP_GRACE_S)
    os._exit(1)
