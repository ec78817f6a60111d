"""The `docustore` command as a process."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from docustore.config import Settings
from tests.forks import FORKS, plain_environment


class Outcome(NamedTuple):
    exit_code: int | None
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        return json.loads(self.stdout)


async def run_docustore(*arguments: str, **environment: str) -> Outcome:
    """Run a command in a fork of a process that has imported it."""
    with TemporaryDirectory() as folder:
        stdout, stderr = Path(folder) / "stdout", Path(folder) / "stderr"
        command = await FORKS.start(
            "docustore",
            *arguments,
            environment=_variables(environment),
            folder=Path.cwd(),
            stdout=stdout,
            stderr=stderr,
        )
        code = await command.wait()
        return Outcome(code, stdout.read_text(), stderr.read_text())


async def start_docustore(*arguments: str, **environment: str) -> Outcome:
    """Run a command as a shell does; it takes over a second longer."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "docustore", *arguments, stdout=PIPE, stderr=PIPE, env=_variables(environment)
    )
    stdout, stderr = await process.communicate()
    return Outcome(process.returncode, stdout.decode(), stderr.decode())


def _variables(environment: dict[str, str]) -> dict[str, str]:
    # In a narrow window, lines that tests compare would be folded.
    return {**plain_environment(), "COLUMNS": "120", **environment}


def addresses(settings: Settings) -> dict[str, str]:
    assert settings.mongodb_url is not None
    assert settings.redis_url is not None
    return {
        "DOCUSTORE_MONGODB_URL": settings.mongodb_url,
        "DOCUSTORE_REDIS_URL": settings.redis_url,
        "DOCUSTORE_MONGODB_DATABASE": settings.mongodb_database,
        "DOCUSTORE_DATA_DIR": str(settings.data_dir),
    }
