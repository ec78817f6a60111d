"""Faults during loads: killed processes, and upstream systems that are away."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.fault_series import Fault
from tests.chaos.programs import KeptRunning
from tests.chaos.replica_set import ReplicaSet, Server, restart_valkey
from tests.upstreams.upstream import Upstream

# How often each kind is chosen, relative to the others.
WEIGHTS = {"kill_worker": 4, "stop_upstream": 3, "kill_primary": 2, "kill_valkey": 2, "kill_listener": 2}
LONGEST_PAUSE_S = 0.5
LONGEST_OUTAGE_S = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults that a load can meet; each restarts what it has ended."""

    workers: Sequence[KeptRunning]
    listener: KeptRunning
    upstreams: Sequence[Upstream]
    replica_set: ReplicaSet
    valkey: Server

    @property
    def by_kind(self) -> Mapping[str, Fault]:
        return {
            "kill_worker": self._kill_worker,
            "stop_upstream": self._stop_upstream,
            "kill_primary": self._kill_primary,
            "kill_valkey": self._kill_valkey,
            "kill_listener": self._kill_listener,
        }

    async def restart_what_ended(self) -> None:
        for process in (*self.workers, self.listener):
            await process.restart_if_ended()

    async def _kill_worker(self, random: Random) -> None:
        await random.choice(self.workers).kill()

    async def _kill_listener(self, _random: Random) -> None:
        await self.listener.kill()

    async def _stop_upstream(self, random: Random) -> None:
        upstream = random.choice([each for each in self.upstreams if each.can_stop])
        await upstream.stop()
        await asyncio.sleep(random.uniform(0, LONGEST_OUTAGE_S))
        await upstream.start()

    async def _kill_primary(self, _random: Random) -> None:
        await self.replica_set.kill_primary()

    async def _kill_valkey(self, random: Random) -> None:
        await restart_valkey(self.valkey, outage_s=random.uniform(0, LONGEST_OUTAGE_S))
