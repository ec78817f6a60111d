"""A local server that is started again, on the same port, whenever it ends without being asked to."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from docustore.embedded.local_server import LocalServer, stop_server
from docustore.embedded.ports import is_free
from docustore.errors import EmbeddedServerError

RETRY_S: Final = 1.0

log = structlog.get_logger()

StartServer = Callable[[int | None], Awaitable[LocalServer]]
OnStart = Callable[[str, int], None]


class KeptServer:
    """Keeps one server, so that its clients, which retry, see a killed server as a short pause."""

    def __init__(self, start: StartServer, *, on_restart: OnStart) -> None:
        """Take what starts the server on a preferred port, leaving nothing behind where it fails."""
        self._start = start
        self._on_restart = on_restart
        self._server: LocalServer | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self, preferred_port: int | None) -> LocalServer:
        """Start the server and begin to keep it.

        Raises:
            EmbeddedServerError: It does not start.
        """
        self._server = await self._start(preferred_port)
        self._keeper = asyncio.create_task(self._keep(self._server), name=f"keep {self._server.name}")
        return self._server

    async def stop(self, *, hurry: asyncio.Event | None) -> None:
        """Shut the server down for good; does nothing where it never started."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        if self._server is not None:
            await stop_server(self._server, hurry=hurry)

    async def _keep(self, server: LocalServer) -> None:
        while True:
            exit_code = await server.process.wait()
            log.error("embedded.server_ended", server=server.name, exit_code=exit_code)
            server = await self._restart(server)
            self._server = server
            self._on_restart(server.name, server.process.pid)
            log.warning("embedded.server_restarted", server=server.name, exit_code=exit_code)

    async def _restart(self, ended: LocalServer) -> LocalServer:
        while True:
            # On another port nobody would find it.
            if is_free(ended.port):
                try:
                    return await self._start(ended.port)
                except (EmbeddedServerError, OSError) as exc:  # OSError: no disk, no memory; may pass
                    log.error("embedded.restart_failed", server=ended.name, reason=str(exc))  # noqa: TRY400
            await asyncio.sleep(RETRY_S)
