"""Run a command of docustore in a process of its own and measure it."""

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Final

from docustore.config import Settings
from docustore.embedded.environment import child_environment

_KB_PER_MB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a command printed, how long it took, and its largest resident memory."""

    output: str
    took_s: float
    memory_mb: float


async def measured_command(settings: Settings, *arguments: str) -> Measured:
    """Run `docustore ARGUMENTS` against the servers of the settings.

    Raises:
        SystemExit: The command failed; with its exit code.
    """
    return await asyncio.to_thread(_run, arguments, child_environment(settings))


def _run(arguments: tuple[str, ...], environment: dict[str, str]) -> Measured:
    started = time.monotonic()
    with TemporaryFile("w+") as output:
        process = subprocess.Popen((sys.executable, "-m", "docustore", *arguments), stdout=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(process.returncode)
        output.seek(0)
        took_s = time.monotonic() - started
        return Measured(output=output.read(), took_s=took_s, memory_mb=usage.ru_maxrss / _KB_PER_MB)
