"""Keeps one program running: an embedded server or a process of the service."""

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from docustore.embedded.processes import kill_group, stop
from docustore.errors import EmbeddedServerError

FIRST_DELAY_S: Final = 0.2
MAX_DELAY_S: Final = 10.0
# A program that ran this long was healthy: its next end is a new failure.
STEADY_S: Final = 30.0

log = structlog.get_logger()

StartProgram = Callable[[], Awaitable[Process]]
OnRestart = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvents:
    """Log events of a program; `subject` is the key of the program's name."""

    subject: str
    ended: str
    restarted: str
    start_failed: str


def next_delay_s(previous_s: float | None, *, uptime_s: float) -> float:
    """Return the pause before a restart: 0.2 s, doubled up to 10 s.

    The pause is 0.2 s again after the program ran for 30 s.
    """
    if previous_s is None or uptime_s >= STEADY_S:
        return FIRST_DELAY_S
    return min(MAX_DELAY_S, previous_s * 2)


class SupervisedProgram:
    """Starts a program, and restarts it with growing pauses until it is stopped."""

    def __init__(
        self, name: str, start: StartProgram, *, log_path: Path, events: LogEvents, on_restart: OnRestart
    ) -> None:
        """Prepare the program without starting it.

        Args:
            start: Starts the process. It leaves nothing behind when it fails or is cancelled.
            on_restart: Called with the name and the new process id after each restart.
        """
        self.name = name
        self.log_path = log_path
        self.ends = 0
        """Number of times that the program ended or could not be started."""
        self._start = start
        self._events = events
        self._on_restart = on_restart
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the latest start; None when the start failed."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the program and keep it running from now on.

        An OSError, such as no memory or no process slot, is transient: it is logged, and the start is retried.

        Raises:
            EmbeddedServerError: The program cannot be started. Only the first start raises.
        """
        await self._start_once()
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def stop(self, *, hurry: asyncio.Event | None = None) -> None:
        """Stop the program for good: SIGTERM, 10 s of grace, SIGKILL.

        Does nothing before the first start.

        Args:
            hurry: Set at any time to send SIGKILL at once.
        """
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process is not None:
            await stop(self._process, hurry=hurry)

    async def _keep(self) -> None:
        delay_s: float | None = None
        while True:
            started = time.monotonic()
            exit_code = await self._exit_code()
            self.ends += 1
            delay_s = next_delay_s(delay_s, uptime_s=time.monotonic() - started)
            await asyncio.sleep(delay_s)
            try:
                await self._start_once()
            except EmbeddedServerError as exc:
                self._log(self._events.start_failed, reason=str(exc))
            if self._process is not None:
                self._on_restart(self.name, self._process.pid)
                self._log(self._events.restarted, exit_code=exit_code, delay_s=round(delay_s, 1))

    async def _start_once(self) -> None:
        self._process = None
        try:
            self._process = await self._start()
        except OSError as exc:
            self._log(self._events.start_failed, reason=exc.strerror)

    async def _exit_code(self) -> int | None:
        """Wait for the end of the process; None when there is no process."""
        if self._process is None:
            return None
        exit_code = await self._process.wait()
        # Processes that a killed program leaves behind would hold its port and its work.
        kill_group(self._process)
        self._log(self._events.ended, exit_code=exit_code, log=str(self.log_path))
        return exit_code

    def _log(self, event: str, **facts: Any) -> None:
        log.warning(event, **{self._events.subject: self.name}, **facts)
