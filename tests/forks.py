"""Programs of the service, started as forks of one process that has imported them."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Fork:
    """One running program; the same interface as a process of asyncio."""

    def __init__(self, pid: int, ended: asyncio.Future[int]) -> None:
        self.pid = pid
        self._ended = ended

    @property
    def returncode(self) -> int | None:
        return self._ended.result() if self._ended.done() else None

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            # It may have ended by itself a moment ago: its exit code is on its way.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)


class Forks:
    """The client of `tests.fork_server`, which the first program starts."""

    def __init__(self) -> None:
        self._server: Process | None = None
        self._numbers = count()
        self._begun: dict[int, asyncio.Future[Fork]] = {}
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._starting = asyncio.Lock()

    async def start(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str],
        folder: Path,
        stdout: Path,
        stderr: Path,
    ) -> Fork:
        """Start `python -m MODULE ARGUMENTS`; its output is appended to the files."""
        async with self._starting:
            if self._server is None:
                self._server = await self._start_server()
        number = next(self._numbers)
        loop = asyncio.get_running_loop()
        begun = self._begun[number] = loop.create_future()
        self._ended[number] = loop.create_future()
        request = {
            "id": number,
            "module": module,
            "arguments": arguments,
            "environment": dict(environment),
            "folder": str(folder),
            "stdout": str(stdout),
            "stderr": str(stderr),
        }
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(request).encode() + b"\n")
        return await begun

    async def stop(self) -> None:
        if self._server is not None:
            assert self._server.stdin is not None
            self._server.stdin.close()
            await self._server.wait()
            await self._reading

    async def _start_server(self) -> Process:
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.fork_server", cwd=ROOT, env=plain_environment(), stdin=PIPE, stdout=PIPE
        )
        self._reading = asyncio.create_task(self._read(server))
        return server

    async def _read(self, server: Process) -> None:
        assert server.stdout is not None
        async for line in server.stdout:
            answer = json.loads(line)
            if "pid" in answer:
                begun = self._begun.pop(answer["id"])
                begun.set_result(Fork(answer["pid"], self._ended[answer["id"]]))
            else:
                self._ended.pop(answer["id"]).set_result(answer["code"])
        for left in [*self._begun.values(), *self._ended.values()]:
            left.cancel()


FORKS = Forks()


def plain_environment() -> dict[str, str]:
    """Return the environment without settings of the service."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DOCUSTORE_")}
