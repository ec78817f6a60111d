"""The embedded pair: MongoDB and Valkey on loopback, on free ports, with their data in one folder."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from docustore.embedded.binaries import SearchPlaces, find_mongod, find_valkey
from docustore.embedded.data_dir import claimed, unusable
from docustore.embedded.kept_server import KeptServer, OnStart
from docustore.embedded.local_server import LocalServer, start_server, stop_server
from docustore.embedded.mongod import Mongod, ensure_primary, mongodb_url, must_restart_to_move
from docustore.embedded.ports import remember_ports, remembered_ports
from docustore.embedded.valkey import Valkey, redis_url
from docustore.errors import EmbeddedServerError

# The write that moves the set is journaled, so what an orderly end would take longer for is not needed.
MOVE_GRACE_S: Final = 1.0

log = structlog.get_logger()


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
    on_restart: OnStart | None = None,
) -> AsyncIterator[EmbeddedServers]:
    """Run both servers for the length of the block, ready for transactions and change streams.

    Data stays in the folder; ports are those of the last start where they are free. The folder belongs to
    this process alone meanwhile. A server that ends by itself is started again at the same address. Both end
    with this process, also when it is killed. Enter it in the main thread: the servers end with the thread
    that started them.

    Args:
        places: Where binaries are looked for; None = the installed packages, then PATH.
        hurry: Set to kill the servers instead of waiting for their orderly end.
        on_restart: Called with `mongod` or `valkey` and the new process id after a restart.

    Raises:
        DataDirBusyError: Another live process uses the folder.
        EmbeddedServerError: No binary fits, the folder is unusable, or a server does not start.
    """
    folder = data_dir.absolute()  # noqa: ASYNC240  # asks for the working directory, touches no disk
    places, on_restart = places or SearchPlaces(), on_restart or _nobody_asks
    with claimed(folder):
        mongod = KeptServer(partial(_start_mongod, folder, places), on_restart=on_restart)
        valkey = KeptServer(partial(_start_valkey, folder, places), on_restart=on_restart)
        try:
            yield await _start_both(mongod, valkey, folder)
        finally:
            await asyncio.gather(mongod.stop(hurry=hurry), valkey.stop(hurry=hurry))


async def _start_both(mongod: KeptServer, valkey: KeptServer, data_dir: Path) -> EmbeddedServers:
    started = time.monotonic()
    ports = remembered_ports(data_dir)
    # Both outcomes are waited for, so that the caller's clean-up finds neither of them half started.
    outcomes = await asyncio.gather(
        mongod.start(ports.get(Mongod.name)), valkey.start(ports.get(Valkey.name)), return_exceptions=True
    )
    try:
        document_server, queue_server = (_server(outcome) for outcome in outcomes)
        remember_ports(data_dir, {server.name: server.port for server in (document_server, queue_server)})
    except OSError as exc:
        raise unusable(data_dir, exc) from exc
    log.info(
        "embedded.servers_started",
        data_dir=str(data_dir),
        mongod_port=document_server.port,
        valkey_port=queue_server.port,
        duration_s=round(time.monotonic() - started, 2),
    )
    return EmbeddedServers(
        mongodb_url=mongodb_url(document_server.port),
        redis_url=redis_url(queue_server.port),
        mongod_pid=document_server.process.pid,
        valkey_pid=queue_server.process.pid,
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


def _server(outcome: LocalServer | BaseException) -> LocalServer:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _nobody_asks(_name: str, _pid: int) -> None:
    pass
