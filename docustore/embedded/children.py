"""One child process of the supervisor, kept running until it is drained."""

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from docustore.embedded.processes import GRACE_S, kill_group, last_lines, spawn, stop

FIRST_DELAY_S: Final = 0.2
MAX_DELAY_S: Final = 10.0
# A child that ran this long was well; its next end is a new trouble, not more of the last one.
STEADY_S: Final = 30.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """A program to keep running, by its absolute path and arguments."""

    name: str
    command: tuple[str, ...]


def next_delay_s(previous_s: float | None, *, uptime_s: float) -> float:
    """Return how long to wait before a restart: doubling from 0.2 s to 10 s, anew after 30 s of running."""
    if previous_s is None or uptime_s >= STEADY_S:
        return FIRST_DELAY_S
    return min(MAX_DELAY_S, previous_s * 2)


class KeptChild:
    """Runs a child and starts it again, with growing pauses, whenever it ends; never gives up."""

    def __init__(
        self,
        spec: ChildSpec,
        *,
        log_path: Path,
        environment: Mapping[str, str],
        on_start: Callable[[str, int], None],
    ) -> None:
        self.name = spec.name
        self.log_path = log_path
        self.ends = 0
        """How often it has ended."""
        self._command = spec.command
        self._environment = environment
        self._on_start = on_start
        self._process: Process | None = None
        self._was_tried = asyncio.Event()
        self._draining = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to keep it running; returns when it has been started once, or could not be."""
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")
        await self._was_tried.wait()

    async def drain(self, *, hurry: asyncio.Event) -> None:
        """End it for good: SIGTERM, 10 s of grace, SIGKILL; SIGKILL at once when `hurry` is set."""
        self._draining.set()
        if self._process is not None:
            await stop(self._process, grace_s=GRACE_S, hurry=hurry)
        if self._keeper is not None:
            await self._keeper
        log.info("supervisor.child_drained", child=self.name)

    def last_lines(self) -> str:
        """Return the last lines of its log."""
        return last_lines(self.log_path)

    async def _keep(self) -> None:
        delay_s: float | None = None
        while not self._draining.is_set():
            started = time.monotonic()
            exit_code = await self._run_once()
            if self._draining.is_set():
                return
            self.ends += 1
            delay_s = next_delay_s(delay_s, uptime_s=time.monotonic() - started)
            log.warning("supervisor.child_ended", child=self.name, exit_code=exit_code, log=str(self.log_path))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._draining.wait(), delay_s)
                return
            log.warning(
                "supervisor.child_restarted", child=self.name, exit_code=exit_code, delay_s=round(delay_s, 1)
            )

    async def _run_once(self) -> int | None:
        """Run it to its end; None when it could not even be started."""
        try:
            process = await spawn(self._command, log_path=self.log_path, environment=self._environment)
        except OSError as exc:  # no memory, no process slots, no disk: may pass
            log.warning("supervisor.spawn_failed", child=self.name, reason=exc.strerror)
            self._was_tried.set()
            return None
        self._process = process
        if self._draining.is_set():  # asked to end while it was being started
            await stop(process, grace_s=GRACE_S)
            return process.returncode
        self._on_start(self.name, process.pid)
        self._was_tried.set()
        exit_code = await process.wait()
        # What a killed child leaves behind (a server's worker process) would hold its port and its work.
        kill_group(process)
        return exit_code
