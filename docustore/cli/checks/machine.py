"""Checks of this machine: Python, the data folder, the disk, the server binaries."""

import os
import platform
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from docustore.cli.checks.finding import Finding, failed, ok, skipped, warning
from docustore.config import Settings
from docustore.embedded.binaries import SearchPlaces, find_mongod, find_valkey
from docustore.errors import EmbeddedServerError

OLDEST_PYTHON: Final = (3, 11)
GB: Final = 1_000_000_000
MIB: Final = 2**20
# The unit of `st_blocks`, on every file system.
BLOCK_BYTES: Final = 512
# Measured: an empty store takes 0.3 GB, which are three journal files. The rest is for users, logs and the queue.
STORE_BYTES: Final = GB
# With less, MongoDB stops in the middle of a write.
LEAST_FREE_BYTES: Final = GB // 2


def python_version() -> Finding:
    """Check the Python version."""
    seen = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        return failed("python", seen, next_step="install Python 3.11 or later and run `make setup` again")
    return ok("python", seen)


def data_folder(settings: Settings) -> Finding:
    """Check that the data folder can be written, or created."""
    folder = _nearest_existing(settings.data_dir)
    if not folder.is_dir():
        return failed("data folder", f"{folder} is not a folder", next_step="pass another --data-dir")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        return failed(
            "data folder",
            f"{folder} cannot be written ({exc.strerror})",
            next_step="fix its permissions or pass another --data-dir",
        )
    return ok("data folder", f"{settings.data_dir} is writable")


def free_disk(settings: Settings) -> Finding:
    """Compare the free disk space with what the data folder will need in addition."""
    used = _used_bytes(settings.data_dir)
    free = shutil.disk_usage(_nearest_existing(settings.data_dir)).free
    return disk_finding(free=free, used=used, needed=needed_bytes(settings, used=used))


def needed_bytes(settings: Settings, *, used: int) -> int:
    """Return the bytes that the data folder will need beside those that it uses.

    The oplog grows to its configured size. Configured servers use other disks; then the folder holds logs only.
    """
    if settings.mongodb_url is not None:
        return LEAST_FREE_BYTES
    return max(LEAST_FREE_BYTES, STORE_BYTES + settings.oplog_mib * MIB - used)


def disk_finding(*, free: int, used: int, needed: int) -> Finding:
    """Judge the free bytes of a disk."""
    seen = f"{free / GB:.1f} GB free, {needed / GB:.1f} GB needed; the data folder uses {used / GB:.1f} GB"
    if free < LEAST_FREE_BYTES:
        return failed("disk", seen, next_step=f"free {needed / GB:.1f} GB, or pass another --data-dir")
    if free < needed:
        return warning(
            "disk",
            seen,
            next_step="free the difference, lower DOCUSTORE_OPLOG_MIB, or pass another --data-dir",
        )
    return ok("disk", seen)


async def server_binaries(settings: Settings) -> Finding:
    """Check that the server binaries run; skipped when servers are configured."""
    if settings.mongodb_url is not None:
        return skipped("server binaries", "not needed: servers are configured")
    places = SearchPlaces()
    try:
        mongod, valkey = await find_mongod(places), await find_valkey(places)
    except EmbeddedServerError as exc:
        seen, _, next_step = str(exc).partition(": ")
        return failed("server binaries", seen, next_step=next_step)
    return ok("server binaries", f"{mongod}{os.linesep}{valkey}")


def _used_bytes(folder: Path) -> int:
    """Return the bytes on disk, without files that end meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                # Blocks, not the length: journal files are allocated in advance, and others may have holes.
                total += Path(place, name).stat().st_blocks * BLOCK_BYTES
    return total


def _nearest_existing(path: Path) -> Path:
    absolute = path.absolute()
    return next(place for place in (absolute, *absolute.parents) if place.exists())
