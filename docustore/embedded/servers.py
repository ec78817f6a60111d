"""Embedded MongoDB and Valkey on free loopback ports, with data in one folder."""

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from docustore.embedded.binaries import SearchPlaces, find_mongod, find_valkey
from docustore.embedded.data_dir import claimed, unusable
from docustore.embedded.local_server import LocalServer, start_server, stop_server
from docustore.embedded.mongod import Mongod, ensure_primary, mongodb_url, must_restart_to_move
from docustore.embedded.ports import is_free, remember_ports, remembered_ports
from docustore.embedded.supervised_program import LogEvents, OnRestart, SupervisedProgram
from docustore.embedded.valkey import Valkey, redis_url
from docustore.errors import EmbeddedServerError

# The write that moves the replica set is journaled, so an orderly end is not needed.
MOVE_GRACE_S: Final = 1.0
SERVER_EVENTS: Final = LogEvents(
    subject="server",
    ended="embedded.server_ended",
    restarted="embedded.server_restarted",
    start_failed="embedded.restart_failed",
)

log = structlog.get_logger()

StartServer = Callable[[Path, SearchPlaces, int | None], Awaitable[LocalServer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedServers:
    """Two servers that run and end with this process."""

    mongodb_url: str
    redis_url: str
    mongod_pid: int
    valkey_pid: int


@asynccontextmanager
async def embedded_servers(
    data_dir: Path,
    *,
    places: SearchPlaces | None = None,
    hurry: asyncio.Event | None = None,
    on_restart: OnRestart | None = None,
) -> AsyncIterator[EmbeddedServers]:
    """Run both servers for the length of the block.

    MongoDB is ready for transactions and change streams. Data stays in the folder. The ports are those of the last
    start when they are free. No other process can use the folder meanwhile. A server that ends is restarted at the
    same address. Both servers end with this process, also when it is killed. Enter the block in the main thread:
    the servers end with the thread that started them.

    Args:
        places: Where binaries are looked for; None = the installed packages, then PATH.
        hurry: Set to kill the servers instead of waiting for their orderly end.
        on_restart: Called with `mongod` or `valkey` and the new process id after a restart.

    Raises:
        DataDirBusyError: Another live process uses the folder.
        EmbeddedServerError: No binary fits, the folder is unusable, or a server does not start.
    """
    folder = data_dir.absolute()  # noqa: ASYNC240  # reads the working directory, touches no disk
    places, on_restart = places or SearchPlaces(), on_restart or (lambda _name, _pid: None)
    with claimed(folder):
        ports = remembered_ports(folder)
        mongod = _Server(Mongod.name, _start_mongod, folder, places, ports, on_restart)
        valkey = _Server(Valkey.name, _start_valkey, folder, places, ports, on_restart)
        try:
            yield await _start_both(mongod, valkey, folder)
        finally:
            await asyncio.gather(mongod.program.stop(hurry=hurry), valkey.program.stop(hurry=hurry))


class _Server:
    """One supervised server with its port.

    The first start uses the remembered port or a free one. Restarts use the same port.
    """

    def __init__(
        self,
        name: str,
        start: StartServer,
        folder: Path,
        places: SearchPlaces,
        ports: Mapping[str, int],
        on_restart: OnRestart,
    ) -> None:
        self.program = SupervisedProgram(
            name,
            self._start_process,
            log_path=folder / f"{name}.log",
            events=SERVER_EVENTS,
            on_restart=on_restart,
        )
        self.port = ports.get(name)
        self._start = start
        self._folder = folder
        self._places = places
        self._was_started = False

    async def _start_process(self) -> Process:
        if self._was_started and self.port is not None and not is_free(self.port):
            # Clients would not find the server on another port.
            raise EmbeddedServerError(f"port {self.port} is taken: stop the program that uses it")
        try:
            server = await self._start(self._folder, self._places, self.port)
        except OSError as exc:
            raise unusable(self._folder, exc) from exc
        self.port, self._was_started = server.port, True
        return server.process


async def _start_both(mongod: _Server, valkey: _Server, data_dir: Path) -> EmbeddedServers:
    started = time.monotonic()
    # Both outcomes are awaited, so that the caller's clean-up finds no server half started.
    outcomes = await asyncio.gather(mongod.program.start(), valkey.program.start(), return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
    mongod_port, valkey_port = mongod.port or 0, valkey.port or 0
    try:
        remember_ports(data_dir, {Mongod.name: mongod_port, Valkey.name: valkey_port})
    except OSError as exc:
        raise unusable(data_dir, exc) from exc
    log.info(
        "embedded.servers_started",
        data_dir=str(data_dir),
        mongod_port=mongod_port,
        valkey_port=valkey_port,
        duration_s=round(time.monotonic() - started, 2),
    )
    return EmbeddedServers(
        mongodb_url=mongodb_url(mongod_port),
        redis_url=redis_url(valkey_port),
        mongod_pid=mongod.program.pid or 0,
        valkey_pid=valkey.program.pid or 0,
    )


async def _start_mongod(data_dir: Path, places: SearchPlaces, port: int | None) -> LocalServer:
    binary = await find_mongod(places)
    server = await start_server(Mongod(), data_dir=data_dir, binary=binary, preferred_port=port)
    try:
        if await must_restart_to_move(server.port):
            await stop_server(server, grace_s=MOVE_GRACE_S)
            return await _start_mongod(data_dir, places, server.port)
        await ensure_primary(server.port)
    except BaseException as exc:
        await stop_server(server)
        if isinstance(exc, PyMongoError):
            raise EmbeddedServerError(f"mongod ended while it was made a replica set: {exc}") from exc
        raise
    return server


async def _start_valkey(data_dir: Path, places: SearchPlaces, port: int | None) -> LocalServer:
    binary = await find_valkey(places)
    return await start_server(Valkey(), data_dir=data_dir, binary=binary, preferred_port=port)
