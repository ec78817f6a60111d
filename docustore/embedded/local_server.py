"""One local server from start to stop: port, process, readiness."""

import asyncio
import os
import signal
import time
from asyncio.subprocess import Process
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import structlog

from docustore.causes import is_disk_full
from docustore.embedded.binaries import SearchPlaces
from docustore.embedded.data_dir import hand_over, outlive_predecessor
from docustore.embedded.ports import LOOPBACK, free_port, is_free
from docustore.embedded.processes import GRACE_S, kill_group, spawn, stop
from docustore.embedded.server_log import has_no_space_left, last_error
from docustore.errors import EmbeddedServerError

# Another program may take the port between our probe and the bind of the server.
PORT_ATTEMPTS: Final = 5
# After a crash a server first replays its journal, which is slow on a small, busy machine.
START_TIMEOUT_S: Final = 60.0
POLL_S: Final = 0.02

log = structlog.get_logger()


class ServerKind(Protocol):
    """The differences between MongoDB and Valkey."""

    @property
    def name(self) -> str:
        """Name of the log, the pid file and the folder."""

    async def find(self, places: SearchPlaces) -> Path:
        """Find the binary; see `docustore.embedded.binaries`."""

    def command(self, *, binary: Path, folder: Path, port: int) -> list[str]:
        """Return the foreground command that serves the folder on the loopback port."""

    async def is_serving(self, *, folder: Path, port: int) -> bool:
        """Tell whether the program on the port is a server of the folder."""

    async def make_ready(self, port: int) -> bool:
        """Prepare an answering server for clients; False when it must restart first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServer:
    """A running server; its process ends with ours."""

    name: str
    port: int
    process: Process


async def start_server(
    kind: ServerKind, *, data_dir: Path, binary: Path, preferred_port: int | None
) -> LocalServer:
    """Start a server on the preferred or a free port, and wait until it answers.

    After a failure or a cancellation no process is left running.

    Raises:
        EmbeddedServerError: It ended or did not answer in time. The message says why, and where its log is.
    """
    folder = data_dir / kind.name
    folder.mkdir(exist_ok=True, mode=0o700)
    for _ in range(PORT_ATTEMPTS):
        port = free_port(preferred=preferred_port)
        command = kind.command(binary=binary, folder=folder, port=port)
        process = await _spawn_after_predecessor(kind, command, data_dir=data_dir)
        try:
            if await _answers(kind, process, folder=folder, port=port):
                return LocalServer(name=kind.name, port=port, process=process)
        except BaseException:
            await _end(process)
            raise
        await _end(process)
        if is_free(port):
            break
    raise EmbeddedServerError(_failure(kind, process, data_dir))


async def stop_server(
    server: LocalServer, *, grace_s: float = GRACE_S, hurry: asyncio.Event | None = None
) -> None:
    """Stop the server; acknowledged writes are on disk even when the grace is short."""
    await stop(server.process, grace_s=grace_s, hurry=hurry)


async def _spawn_after_predecessor(kind: ServerKind, command: list[str], *, data_dir: Path) -> Process:
    lock = await outlive_predecessor(data_dir / f"{kind.name}.pid")
    try:
        log_path = data_dir / f"{kind.name}.log"
        process = await spawn(command, log_path=log_path, inherited=(lock,), death_signal=signal.SIGTERM)
    except BaseException:
        os.close(lock)
        raise
    try:
        hand_over(lock, pid=process.pid)
    except OSError:  # without the pid, a successor could not kill this server
        await _end(process)
        raise
    return process


async def _answers(kind: ServerKind, process: Process, *, folder: Path, port: int) -> bool:
    """Wait until the server answers; False when it ended or the time is over."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.returncode is None and time.monotonic() < deadline:
        if await _accepts_connections(port) and await kind.is_serving(folder=folder, port=port):
            return True
        await asyncio.sleep(POLL_S)
    return False


async def _accepts_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


async def _end(process: Process) -> None:
    if process.returncode is None:
        kill_group(process)
    await process.wait()


def _failure(kind: ServerKind, process: Process, data_dir: Path) -> str:
    path = data_dir / f"{kind.name}.log"
    if is_disk_full(data_dir) or has_no_space_left(path):
        return f"{kind.name} did not start: the disk of {data_dir} is full; free some space"
    reason = last_error(path)
    because = f": {reason}" if reason else ""
    return f"{kind.name} did not start (exit code {process.returncode}){because}; its log is {path}"
