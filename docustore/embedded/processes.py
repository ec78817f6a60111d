"""Child processes that always end with this process."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from docustore.embedded import launcher
from docustore.embedded.private_files import FOLDER_MODE

# A larger log is rotated at the next start; one old log is kept.
MAX_LOG_BYTES: Final = 20_000_000
GRACE_S: Final = 10.0
_TAIL_BYTES: Final = 8192


async def spawn(
    command: Sequence[str],
    *,
    log_path: Path | None,
    environment: Mapping[str, str] | None = None,
    inherited: Sequence[int] = (),
    stdout: int | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
) -> Process:
    """Start a program that ends when this process dies, even by SIGKILL.

    The kernel watches the thread that spawned the program, so call it from a thread that lives as long as the
    program. The program has its own process group: Ctrl-C in a terminal reaches it only through this process.

    Args:
        command: The program's absolute path and its arguments.
        log_path: The output is appended to this file; None = it goes to our own output.
        inherited: File descriptors that stay open in the program.
        stdout: As for `subprocess`, when there is no log.
        death_signal: Sent to the program when we die. SIGKILL always works. SIGTERM is for a program that ends
            by it in every case.
    """
    wrapper = [sys.executable, "-I", "-S", launcher.__file__, str(os.getpid()), str(int(death_signal))]
    log = None if log_path is None else _open_log(log_path)
    try:
        return await asyncio.create_subprocess_exec(
            *wrapper,
            *command,
            stdin=DEVNULL,
            stdout=stdout if log is None else log,
            stderr=log,
            env=dict(os.environ if environment is None else environment),
            pass_fds=tuple(inherited),
            start_new_session=True,
        )
    finally:
        if log is not None:
            os.close(log)


async def stop(process: Process, *, grace_s: float = GRACE_S, hurry: asyncio.Event | None = None) -> None:
    """Stop a spawned program: SIGTERM, then SIGKILL to its group after the grace.

    SIGKILL comes at once when `hurry` is set or the caller is cancelled. A program that has ended gets no signal,
    because its process id may belong to another program.
    """
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await _wait_at_most(process, grace_s, hurry or asyncio.Event())
    finally:
        kill_group(process)
    await process.wait()


def kill_group(process: Process) -> None:
    """Kill the process group of a spawned program, the program included."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def last_lines(path: Path, *, count: int = 5) -> str:
    """Return the last lines of a log; empty when there is no log."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(line for line in lines[-count:])


async def _wait_at_most(process: Process, grace_s: float, hurry: asyncio.Event) -> None:
    waits = {asyncio.ensure_future(process.wait()), asyncio.ensure_future(hurry.wait())}
    try:
        await asyncio.wait(waits, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def _open_log(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    with suppress(FileNotFoundError):
        if path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
