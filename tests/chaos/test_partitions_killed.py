"""Listeners that share the users: killed, frozen, and given another number of partitions, under writes."""

import asyncio
import os
import random
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from docustore.changes.effects.registry import EFFECTS
from docustore.changes.position import count_partitions
from docustore.changes.status import change_status, wait_until_applied
from docustore.changes.verify import verify
from docustore.config import Settings
from docustore.database import Database
from tests.chaos.programs import Program, program
from tests.chaos.scale import SEED, scaled
from tests.chaos.test_listener_killed import LISTENER, SHORT_LEASE, Writers
from tests.listening import assert_consistent, history_of
from tests.waiting import until

FAULTS = int(scaled(bounded=3, full=25))
# The number of partitions after each fault.
LAYOUTS = (1, 4, 2, 3)

pytestmark = [pytest.mark.chaos]


class Listeners:
    """Three listener processes; a killed one is replaced."""

    def __init__(self, settings: Settings, log: Path, programs: AsyncExitStack) -> None:
        self._settings = settings
        self._log = log
        self._programs = programs
        self.running: list[Program] = []

    async def start(self, *, partitions: int) -> None:
        """Start one: as the newest, it decides the number of partitions."""
        extra = {**SHORT_LEASE, "DOCUSTORE_CHANGES_PARTITIONS": str(partitions)}
        started = program(*LISTENER, settings=self._settings, log=self._log, extra=extra)
        self.running.append(await self._programs.enter_async_context(started))

    async def kill(self, victim: Program) -> None:
        self.running.remove(victim)
        await victim.kill()


async def _has_owners(database: Database, partitions: int) -> bool:
    status = await change_status(database)
    return await count_partitions(database) == partitions and status.owner is not None


async def _has_applied(database: Database, changes: int) -> bool:
    return (await change_status(database)).applied > changes


async def test_killed_frozen_and_divided_anew_each_change_counts_once(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    """One row per write, dense, in order for each user; marts and users equal to history."""
    chance = random.Random(SEED)
    writers = Writers(database)
    async with AsyncExitStack() as programs:
        listeners = Listeners(settings, tmp_path / "listener.log", programs)
        for _ in range(3):
            await listeners.start(partitions=3)
        await until(lambda: _has_owners(database, 3), what="three partitions with owners")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(writers.write())
            for fault in range(FAULTS):
                applied = (await change_status(database)).applied
                await until(lambda applied=applied: _has_applied(database, applied + 20))  # type: ignore[misc]
                victim, frozen = chance.sample(listeners.running, 2)
                await asyncio.sleep(chance.random() * 0.1)  # so that faults hit any point of a batch
                os.kill(frozen.pid, signal.SIGSTOP)
                await listeners.kill(victim)
                partitions = LAYOUTS[fault % len(LAYOUTS)]
                await listeners.start(partitions=partitions)
                # The frozen one has lost its leases by then.
                await until(lambda n=partitions: _has_owners(database, n), what="owners after a fault")  # type: ignore[misc]
                os.kill(frozen.pid, signal.SIGCONT)
            writers.is_done = True
        await wait_until_applied(database)
        found = await verify(database, EFFECTS)
        for listener in listeners.running:
            await listener.end()

    assert (found.differences, found.is_complete) == ([], True)
    assert len(await history_of(database)) == writers.written
    await assert_consistent(database)
