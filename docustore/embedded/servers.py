"""The embedded pair: MongoDB and Valkey on loopback, on free ports, with their data in one folder."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from docustore.embedded.binaries import SearchPlaces, find_mongod, find_valkey
from docustore.embedded.data_dir import claimed
from docustore.embedded.local_server import LocalServer, start_server, stop_server
from docustore.embedded.mongod import Mongod, ensure_primary, mongodb_url, must_restart_to_move
from docustore.embedded.ports import remember_ports, remembered_ports
from docustore.embedded.valkey import Valkey, redis_url

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
    data_dir: Path, *, places: SearchPlaces | None = None, hurry: asyncio.Event | None = None
) -> AsyncIterator[EmbeddedServers]:
    """Run both servers for the length of the block, ready for transactions and change streams.

    Data stays in the folder; ports are those of the last start where they are free. The folder belongs to
    this process alone meanwhile. Both servers end with this process, also when it is killed. Enter it in the
    main thread: the servers end with the thread that started them.

    Args:
        places: Where binaries are looked for; None = the installed packages, then PATH.
        hurry: Set to kill the servers instead of waiting for their orderly end.

    Raises:
        DataDirBusyError: Another live process uses the folder.
        EmbeddedServerError: No binary fits, the folder is unusable, or a server does not start.
    """
    folder = data_dir.absolute()  # noqa: ASYNC240  # asks for the working directory, touches no disk
    with claimed(folder):
        running: list[LocalServer] = []
        try:
            yield await _start_both(folder, places or SearchPlaces(), running)
        finally:
            await asyncio.gather(*(stop_server(server, hurry=hurry) for server in running))


async def _start_both(data_dir: Path, places: SearchPlaces, running: list[LocalServer]) -> EmbeddedServers:
    started = time.monotonic()
    ports = remembered_ports(data_dir)
    outcomes = await asyncio.gather(
        _start_mongod(data_dir, places, ports.get(Mongod.name), running),
        _start_valkey(data_dir, places, ports.get(Valkey.name), running),
        return_exceptions=True,
    )
    mongod, valkey = (_server(outcome) for outcome in outcomes)
    remember_ports(data_dir, {mongod.name: mongod.port, valkey.name: valkey.port})
    log.info(
        "embedded.servers_started",
        data_dir=str(data_dir),
        mongod_port=mongod.port,
        valkey_port=valkey.port,
        duration_s=round(time.monotonic() - started, 2),
    )
    return EmbeddedServers(
        mongodb_url=mongodb_url(mongod.port),
        redis_url=redis_url(valkey.port),
        mongod_pid=mongod.process.pid,
        valkey_pid=valkey.process.pid,
    )


async def _start_mongod(
    data_dir: Path, places: SearchPlaces, port: int | None, running: list[LocalServer]
) -> LocalServer:
    binary = await find_mongod(places)
    server = await start_server(Mongod(), data_dir=data_dir, binary=binary, preferred_port=port)
    # Known before anything else can fail, so that whatever fails next still ends it.
    running.append(server)
    if await must_restart_to_move(server.port):
        await stop_server(server, grace_s=MOVE_GRACE_S)
        running.remove(server)
        return await _start_mongod(data_dir, places, server.port, running)
    await ensure_primary(server.port)
    return server


async def _start_valkey(
    data_dir: Path, places: SearchPlaces, port: int | None, running: list[LocalServer]
) -> LocalServer:
    binary = await find_valkey(places)
    server = await start_server(Valkey(), data_dir=data_dir, binary=binary, preferred_port=port)
    running.append(server)
    return server


def _server(outcome: LocalServer | BaseException) -> LocalServer:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
