"""The `docustore` command as a process."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from docustore.config import Settings

ROOT = Path(__file__).parents[3]


class Outcome(NamedTuple):
    exit_code: int | None
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        return json.loads(self.stdout)


class CommandServer:
    """The client of `command_server`: starts it once, and runs commands in its forks."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._starting = asyncio.Lock()

    async def run(self, request: dict[str, Any]) -> int:
        async with self._starting:
            if self._process is None:
                self._process = await self._start()
        number = next(self._numbers)
        ended = self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({**request, "id": number}).encode() + b"\n")
        return await ended

    async def stop(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()
            await self._reading

    async def _start(self) -> Process:
        module = "tests.integration.cli.command_server"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, cwd=ROOT, env=_variables({}), stdin=PIPE, stdout=PIPE
        )
        self._reading = asyncio.create_task(self._read(process))
        return process

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            answer = json.loads(line)
            self._waiting.pop(answer["id"]).set_result(answer["code"])
        for left in self._waiting.values():
            left.set_exception(AssertionError("the command server ended"))


SERVER = CommandServer()


async def run_docustore(*arguments: str, **environment: str) -> Outcome:
    """Run a command in a fork of a process that has imported it."""
    with TemporaryDirectory() as folder:
        stdout, stderr = Path(folder) / "stdout", Path(folder) / "stderr"
        request = {
            "arguments": arguments,
            "environment": _variables(environment),
            "folder": str(Path.cwd()),
            "stdout": str(stdout),
            "stderr": str(stderr),
        }
        code = await SERVER.run(request)
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
    variables = {name: value for name, value in os.environ.items() if not name.startswith("DOCUSTORE_")}
    return {**variables, "COLUMNS": "120", **environment}


def addresses(settings: Settings) -> dict[str, str]:
    assert settings.mongodb_url is not None
    assert settings.redis_url is not None
    return {
        "DOCUSTORE_MONGODB_URL": settings.mongodb_url,
        "DOCUSTORE_REDIS_URL": settings.redis_url,
        "DOCUSTORE_MONGODB_DATABASE": settings.mongodb_database,
        "DOCUSTORE_DATA_DIR": str(settings.data_dir),
    }
