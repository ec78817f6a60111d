"""Child processes that end with us, whatever happens to us."""

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

# A log is started afresh above this size, with one predecessor kept beside it.
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

    Call it from the event loop's thread, and run that loop in a thread that lives as long as the program
    should: the kernel watches the thread that spawned. The program gets a process group of its own, so that
    a terminal's Ctrl-C reaches it only through us.

    Args:
        command: The program's absolute path and its arguments.
        log_path: Its output is appended to this file; None = it writes where we do.
        inherited: File descriptors the program keeps open.
        stdout: As `subprocess` takes it, where there is no log.
        death_signal: What the program gets when we die. SIGKILL leaves no doubt; SIGTERM is for a program that
            is sure to end by it, whatever else dies at the same moment.
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
    """End a spawned program: SIGTERM, then SIGKILL to its group after the grace or as soon as `hurry` is set.

    Does nothing to a program that has ended: its id may be another program's by then. Kills at once when the
    caller is cancelled meanwhile.
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
    """Kill what is left of a spawned program's group, the program itself included."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def last_lines(path: Path, *, count: int = 5) -> str:
    """Return the last lines of a log; empty when there is none."""
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
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
