"""Processes of the service that tests start and kill."""

import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from docustore.config import Settings
from tests.forks import FORKS, Fork

ROOT = Path(__file__).parents[2]
WORKER = ("-m", "arq", "workers.settings.WorkerSettings")
LISTENER = ("-m", "workers.listener")
# The log event of a stop that took longer than its grace; `test_stop_and_check_from_outside` accepts none.
CUT_OFF = "listener.cut_off"


class Program:
    """One process of the service; a failed test shows its output."""

    def __init__(self, process: Fork, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def kill(self) -> None:
        """Send SIGKILL, as in a power cut."""
        if self.is_running:
            self._process.kill()
        await self._process.wait()

    def suspend(self) -> None:
        """Send SIGSTOP: the process keeps its connections and does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a suspended process continue."""
        self._process.send_signal(signal.SIGCONT)

    async def wait(self) -> int:
        """Wait for its end; return its exit code."""
        return await self._process.wait()

    async def stop(self) -> int:
        """Send SIGTERM, as a deploy does; return its exit code."""
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)
        return await self._process.wait()

    async def end(self) -> None:
        """Send SIGTERM; also accept that a busy machine was too slow for the grace of a stop."""
        code = await self.stop()
        assert code == 0 or CUT_OFF in self.output, self.output


@asynccontextmanager
async def program(
    option: str,
    module: str,
    *arguments: str,
    settings: Settings,
    log: Path,
    extra: Mapping[str, str] | None = None,
) -> AsyncIterator[Program]:
    """Run `python -m MODULE ARGUMENTS` with the settings until the block ends."""
    environment = {
        **os.environ,
        "DOCUSTORE_MONGODB_URL": settings.mongodb_url or "",
        "DOCUSTORE_REDIS_URL": settings.redis_url or "",
        "DOCUSTORE_MONGODB_DATABASE": settings.mongodb_database,
        **(extra or {}),
    }
    assert option == "-m"
    process = await FORKS.start(module, *arguments, environment=environment, folder=ROOT, stdout=log, stderr=log)
    running = Program(process, log)
    try:
        yield running
    finally:
        await running.kill()


class KeptRunning:
    """A process of the service that the test starts again, as a supervisor does.

    A change of `environment` counts from the next start.
    """

    def __init__(self, *command: str, settings: Settings, log: Path, environment: Mapping[str, str]) -> None:
        self._command = command
        self._settings = settings
        self._log = log
        self.environment = dict(environment)
        self._stack = AsyncExitStack()
        self.current: Program | None = None
        # How often it ended by itself.
        self.ends = 0

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    async def start(self) -> None:
        running = program(*self._command, settings=self._settings, log=self._log, extra=self.environment)
        self.current = await self._stack.enter_async_context(running)

    async def kill(self) -> None:
        """Send SIGKILL; a suspended process ends too."""
        await self._stack.aclose()
        self.current = None

    async def restart_if_ended(self) -> None:
        if self.current is not None and self.current.is_running:
            return
        if self.current is not None:
            self.ends += 1
        await self.kill()
        await self.start()
