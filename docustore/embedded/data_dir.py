"""Locks of a data folder: one live process, and no servers of a dead one."""

import asyncio
import errno
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from docustore.errors import DataDirBusyError, EmbeddedServerError

LOCK_FILE: Final = "lock"
# A reader of endpoints.json holds the lock for microseconds to see whether it is free.
CLAIM_PATIENCE_S: Final = 0.5
# mongod ends in well under a second after SIGTERM; a checkpoint on a slow disk may take longer.
PREDECESSOR_PATIENCE_S: Final = 15.0
POLL_S: Final = 0.02


@contextmanager
def claimed(data_dir: Path) -> Iterator[None]:
    """Hold the folder until the block ends or this process dies.

    A missing folder is created. The lock is the kernel's (flock on an open file that no child inherits), so a
    killed process leaves no lock behind.

    Raises:
        DataDirBusyError: A live process holds the folder.
        EmbeddedServerError: The folder cannot be created or written.
    """
    descriptor = _open_lock(data_dir)
    try:
        deadline = time.monotonic() + CLAIM_PATIENCE_S
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise DataDirBusyError(data_dir=str(data_dir), pid=_pid_in(descriptor))
            # Blocking on purpose: nothing else runs before the lock is held, and the wait is short.
            time.sleep(POLL_S)
        _write_pid(descriptor, os.getpid())
        yield
    finally:
        os.close(descriptor)


def is_claimed(data_dir: Path) -> bool:
    """Tell whether a live process holds the folder."""
    try:
        descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor)
    finally:
        os.close(descriptor)


async def outlive_predecessor(pid_file: Path) -> int:
    """Wait until no server of an earlier start uses the folder; return the lock.

    Each server inherits a descriptor that holds the flock of its pid file, so the lock is held exactly while the
    server lives. While the lock is held, the pid in the file cannot belong to another program. So it is safe to
    kill a predecessor that does not end in time.

    Raises:
        EmbeddedServerError: The file cannot be written.
    """
    descriptor = _open(pid_file)
    try:
        deadline = time.monotonic() + PREDECESSOR_PATIENCE_S
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                _kill(_pid_in(descriptor))
                deadline = time.monotonic() + PREDECESSOR_PATIENCE_S
            await asyncio.sleep(POLL_S)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def hand_over(descriptor: int, *, pid: int) -> None:
    """Write the server's pid into its pid file, and leave the lock to the server.

    The descriptor is closed in every case.

    Raises:
        OSError: The pid could not be written, such as on a full disk.
    """
    try:
        _write_pid(descriptor, pid)
    finally:
        os.close(descriptor)


def unusable(data_dir: Path, error: OSError) -> EmbeddedServerError:
    """Describe why no file could be created in a folder."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return EmbeddedServerError(f"no space left for {data_dir}: free some, or pass another --data-dir")
    reason = error.strerror or str(error)
    return EmbeddedServerError(
        f"{data_dir} cannot be written ({reason}): fix its permissions or pass another --data-dir"
    )


def _open_lock(data_dir: Path) -> int:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (FileExistsError, NotADirectoryError) as exc:
        raise EmbeddedServerError(f"{data_dir} is not a folder: pass another --data-dir") from exc
    except OSError as exc:
        raise unusable(data_dir, exc) from exc
    return _open(data_dir / LOCK_FILE)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise unusable(path.parent, exc) from exc


def _kill(pid: int) -> None:
    if pid > 0:  # 0 would mean our own process group
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid_in(descriptor: int) -> int:
    """Return the pid in a lock file; 0 when the file is empty."""
    text = os.pread(descriptor, 20, 0).strip()
    return int(text) if text.isdigit() else 0


def _write_pid(descriptor: int, pid: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(pid).encode(), 0)
