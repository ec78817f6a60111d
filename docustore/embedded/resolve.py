"""Finds the MongoDB and Valkey that a command uses."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from docustore.config import Settings
from docustore.embedded.endpoints_file import Endpoints, read_endpoints
from docustore.embedded.servers import EmbeddedServers, embedded_servers
from docustore.errors import DataDirBusyError

# An `up` that is still starting writes its addresses when it is ready.
BUSY_PATIENCE_S: Final = 30.0
POLL_S: Final = 0.2


def known_servers(settings: Settings) -> Settings | None:
    """Return settings that name the configured servers, or those of a running `up`.

    None when servers would have to be started. A configured MongoDB is enough, because commands that do not use
    the queue do not need its address.
    """
    if settings.mongodb_url is not None:
        return settings
    endpoints = read_endpoints(settings.data_dir)
    return None if endpoints is None else with_servers(settings, endpoints)


@asynccontextmanager
async def reachable_servers(settings: Settings, *, hurry: asyncio.Event | None = None) -> AsyncIterator[Settings]:
    """Yield settings that name the servers, for the length of one command.

    In this order: the configured servers, those of the `up` on the same data folder, embedded servers that end
    with the block. Waits at most 30 s while another command holds the folder, or an `up` is still starting.

    Args:
        hurry: Set to kill the command's own servers instead of waiting for their orderly end.

    Raises:
        DataDirBusyError: Another process held the folder all the time.
        EmbeddedServerError: The command's own servers cannot be started.
    """
    deadline = time.monotonic() + BUSY_PATIENCE_S
    async with AsyncExitStack() as stack:
        while (located := known_servers(settings)) is None:
            try:
                own = await stack.enter_async_context(
                    embedded_servers(settings.data_dir, oplog_mib=settings.oplog_mib, hurry=hurry)
                )
            except DataDirBusyError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(POLL_S)
            else:
                located = with_servers(settings, own)
                break
        yield located


def with_servers(settings: Settings, servers: EmbeddedServers | Endpoints) -> Settings:
    """Return settings that name the given servers."""
    return settings.model_copy(update={"mongodb_url": servers.mongodb_url, "redis_url": servers.redis_url})
