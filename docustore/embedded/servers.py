"""Embedded MongoDB and Valkey on free loopback ports, with data in one folder."""

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from docustore.config import DEFAULT_OPLOG_MIB
from docustore.embedded.binaries import SearchPlaces
from docustore.embedded.credentials import Credentials, folder_credentials
from docustore.embedded.data_dir import claimed, unusable
from docustore.embedded.local_server import LocalServer, ServerKind, start_server, stop_server
from docustore.embedded.mongod import Mongod
from docustore.embedded.ports import is_free, remember_ports, remembered_ports
from docustore.embedded.supervised_program import LogEvents, OnRestart, SupervisedProgram
from docustore.embedded.valkey import Valkey
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


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedServers:
    """Two servers that run and end with this process.

    The URLs contain passwords. `mongodb_root_url` is for the owner of the folder; the service does not use it.
    """

    mongodb_url: str = field(repr=False)
    mongodb_root_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    mongod_pid: int
    valkey_pid: int


@asynccontextmanager
async def embedded_servers(
    data_dir: Path,
    *,
    oplog_mib: int = DEFAULT_OPLOG_MIB,
    places: SearchPlaces | None = None,
    hurry: asyncio.Event | None = None,
    on_restart: OnRestart | None = None,
) -> AsyncIterator[EmbeddedServers]:
    """Run both servers for the length of the block.

    MongoDB is ready for transactions and change streams. Both refuse clients without a
    password (see `docustore.embedded.credentials`). Data stays in the folder. The ports are those of the last
    start when they are free. No other process can use the folder meanwhile. A server that ends is restarted at the
    same address. Both servers end with this process, also when it is killed. Enter the block in the main thread:
    the servers end with the thread that started them.

    Args:
        oplog_mib: Size of the oplog; the folder gets it at this start, also when it has another one.
        places: Where binaries are looked for; None = the installed packages, then PATH.
        hurry: Set to kill the servers instead of waiting for their orderly end.
        on_restart: Called with `mongod` or `valkey` and the new process id after a restart.

    Raises:
        DataDirBusyError: Another live process uses the folder.
        EmbeddedServerError: No binary fits, the folder is unusable, or a server does not start.
    """
    folder = data_dir.absolute()  # noqa: ASYNC240  # reads the working directory, touches no disk
    places = places or SearchPlaces()
    with claimed(folder):
        ports = remembered_ports(folder)
        credentials = _credentials(folder)
        mongod, valkey = Mongod(credentials=credentials, oplog_mib=oplog_mib), Valkey(credentials=credentials)
        servers = [
            _Server(kind=kind, folder=folder, places=places, port=ports.get(kind.name))
            for kind in (mongod, valkey)
        ]
        programs = [
            SupervisedProgram(
                server.kind.name,
                server.start,
                log_path=folder / f"{server.kind.name}.log",
                events=SERVER_EVENTS,
                on_restart=on_restart or (lambda _name, _pid: None),
            )
            for server in servers
        ]
        try:
            store, queue = await _started(servers, programs, folder)
            yield EmbeddedServers(
                mongodb_url=mongod.service_url(store.port),
                mongodb_root_url=mongod.root_url(store.port),
                redis_url=valkey.url(queue.port),
                mongod_pid=store.process.pid,
                valkey_pid=queue.process.pid,
            )
        finally:
            await asyncio.gather(*(program.stop(hurry=hurry) for program in programs))


def _credentials(folder: Path) -> Credentials:
    try:
        return folder_credentials(folder)
    except OSError as exc:
        raise unusable(folder, exc) from exc


@dataclass(slots=True, kw_only=True)
class _Server:
    """Starts one server; its port stays the same after the first start."""

    kind: ServerKind
    folder: Path
    places: SearchPlaces
    port: int | None
    running: LocalServer | None = None

    async def start(self) -> Process:
        if self.running is not None and not is_free(self.running.port):
            # Clients would not find the server on another port.
            raise EmbeddedServerError(f"port {self.running.port} is taken: stop the program that uses it")
        try:
            self.running = await _ready_server(self.kind, self.folder, self.places, self.port)
        except OSError as exc:
            raise unusable(self.folder, exc) from exc
        self.port = self.running.port
        return self.running.process


async def _started(
    servers: Sequence[_Server], programs: Sequence[SupervisedProgram], data_dir: Path
) -> list[LocalServer]:
    started = time.monotonic()
    # All outcomes are awaited, so that the caller's clean-up finds no server half started.
    outcomes = await asyncio.gather(*(program.start() for program in programs), return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
    running = [server.running for server in servers if server.running is not None]
    ports = {server.name: server.port for server in running}
    try:
        remember_ports(data_dir, ports)
    except OSError as exc:
        raise unusable(data_dir, exc) from exc
    log.info(
        "embedded.servers_started",
        data_dir=str(data_dir),
        duration_s=round(time.monotonic() - started, 2),
        **{f"{name}_port": port for name, port in ports.items()},
    )
    return running


async def _ready_server(kind: ServerKind, data_dir: Path, places: SearchPlaces, port: int | None) -> LocalServer:
    binary = await kind.find(places)
    server = await start_server(kind, data_dir=data_dir, binary=binary, preferred_port=port)
    try:
        if await kind.make_ready(server.port):
            return server
    except BaseException:
        await stop_server(server)
        raise
    await stop_server(server, grace_s=MOVE_GRACE_S)
    return await _ready_server(kind, data_dir, places, server.port)
