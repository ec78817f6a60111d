"""Checks of this machine: Python, the data folder, the disk, the server binaries."""

import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from docustore.cli.checks.finding import Finding, failed, ok, skipped, warning
from docustore.config import Settings
from docustore.embedded.binaries import SearchPlaces, find_mongod, find_valkey
from docustore.errors import EmbeddedServerError

OLDEST_PYTHON: Final = (3, 11)
# An empty store with its journals takes 0.3 GB; the oplog grows to 2 GiB.
LEAST_FREE_GB: Final = 1.0
AMPLE_FREE_GB: Final = 5.0


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
    """Check the free disk space of the data folder."""
    free_gb = shutil.disk_usage(_nearest_existing(settings.data_dir)).free / 1e9
    seen = f"{free_gb:.1f} GB free"
    if free_gb < LEAST_FREE_GB:
        return failed("disk", seen, next_step=f"free at least {LEAST_FREE_GB:g} GB, or pass another --data-dir")
    if free_gb < AMPLE_FREE_GB:
        return warning("disk", seen, next_step=f"plan for {AMPLE_FREE_GB:g} GB: the oplog alone grows to 2 GiB")
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


def _nearest_existing(path: Path) -> Path:
    absolute = path.absolute()
    return next(place for place in (absolute, *absolute.parents) if place.exists())
