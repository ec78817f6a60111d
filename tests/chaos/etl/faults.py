"""Faults during loads: killed processes, and upstream systems that are away."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from docustore.config import Settings
from tests.chaos.programs import Program, program
from tests.chaos.replica_set import ReplicaSet, Server, answers
from tests.upstreams.upstream import Upstream
from tests.waiting import until

WORKER = ("-m", "arq", "workers.settings.WorkerSettings")
LISTENER = ("-m", "workers.listener")
LONGEST_OUTAGE_S = 1.5


class KeptRunning:
    """A process of the service that the test starts again, as a supervisor does."""

    def __init__(self, *command: str, settings: Settings, log: Path, environment: dict[str, str]) -> None:
        self._command = command
        self._settings = settings
        self._log = log
        self._environment = environment
        self._stack = AsyncExitStack()
        self.current: Program | None = None

    async def start(self) -> None:
        running = program(*self._command, settings=self._settings, log=self._log, extra=self._environment)
        self.current = await self._stack.enter_async_context(running)

    async def kill(self) -> None:
        await self._stack.aclose()

    async def restart_if_ended(self) -> None:
        if self.current is None or not self.current.is_running:
            await self.kill()
            await self.start()


@dataclass(slots=True, kw_only=True)
class Faults:
    """Makes one fault after another, chosen at random; `made` counts them by name."""

    random: Random
    workers: Sequence[KeptRunning]
    listener: KeptRunning
    upstreams: Sequence[Upstream]
    replica_set: ReplicaSet
    valkey: Server
    made: dict[str, int] = field(default_factory=dict)

    async def make_one(self) -> None:
        kinds: tuple[tuple[Callable[[], Awaitable[None]], int], ...] = (
            (self._kill_worker, 4),
            (self._stop_upstream, 3),
            (self._kill_primary, 2),
            (self._kill_valkey, 2),
            (self._kill_listener, 2),
        )
        fault = self.random.choices([kind for kind, _ in kinds], weights=[weight for _, weight in kinds])[0]
        # The moment of the fault within the load, not a wait for something.
        await asyncio.sleep(self.random.uniform(0, 0.5))
        await fault()
        name = fault.__name__.removeprefix("_")
        self.made[name] = self.made.get(name, 0) + 1
        await self.restart_what_ended()

    async def restart_what_ended(self) -> None:
        for process in (*self.workers, self.listener):
            await process.restart_if_ended()

    async def _kill_worker(self) -> None:
        await self.random.choice(self.workers).kill()

    async def _kill_listener(self) -> None:
        await self.listener.kill()

    async def _stop_upstream(self) -> None:
        upstream = self.random.choice([each for each in self.upstreams if each.can_stop])
        await upstream.stop()
        await self._outage()
        await upstream.start()

    async def _kill_primary(self) -> None:
        await self.replica_set.kill_primary()

    async def _kill_valkey(self) -> None:
        await self.valkey.kill()
        await self._outage()
        await self.valkey.start()
        await until(lambda: answers(self.valkey), what="Valkey")

    async def _outage(self) -> None:
        await asyncio.sleep(self.random.uniform(0, LONGEST_OUTAGE_S))
