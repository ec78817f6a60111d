"""The faults that a listener and its servers can meet.

Each one ends with a replica set that has a primary and three members, and with both listeners running.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from pymongo.errors import AutoReconnect

from docustore.changes.gaps import GAPS
from docustore.changes.position import POSITIONS
from docustore.database import Database
from tests.chaos.fault_series import Fault
from tests.chaos.listener.oplog import roll_over
from tests.chaos.listener.poison import Poison
from tests.chaos.listener.rollback import Rollback
from tests.chaos.patience import patiently
from tests.chaos.programs import KeptRunning, Program
from tests.chaos.replica_set import ReplicaSet, Server, direct_client, restart_valkey
from tests.waiting import until

# How often each kind is chosen, relative to the others.
WEIGHTS = {
    "kill_listener": 4,
    "suspend_listener": 2,
    "step_down": 2,
    "kill_primary": 2,
    "freeze_primary": 2,
    "roll_back": 2,
    "cut_connections": 3,
    "roll_oplog_over": 1,
    "kill_valkey": 1,
    "kill_worker": 1,
    "poison": 2,
}
LONGEST_PAUSE_S = 1.0
LONGEST_OUTAGE_S = 1.0
CUTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerFaults:
    """The servers and processes of a run, and what can happen to them."""

    database: Database
    listeners: Sequence[KeptRunning]
    worker: KeptRunning
    replica_set: ReplicaSet
    valkey: Server
    rollback: Rollback
    poison: Poison

    @property
    def by_kind(self) -> Mapping[str, Fault]:
        return {
            "kill_listener": self._kill_listener,
            "suspend_listener": self._suspend_listener,
            "step_down": self._step_down,
            "kill_primary": self._kill_primary,
            "freeze_primary": self._freeze_primary,
            "roll_back": self._roll_back,
            "cut_connections": self._cut_connections,
            "roll_oplog_over": self._roll_oplog_over,
            "kill_valkey": self._kill_valkey,
            "kill_worker": self._kill_worker,
            "poison": self._poison,
        }

    async def restart_what_ended(self) -> None:
        for program in (*self.listeners, self.worker):
            await program.restart_if_ended()

    async def _kill_listener(self, random: Random) -> None:
        """Most of the time the active one; otherwise any of both."""
        victim = await self._active() if random.random() < 0.8 else random.choice(self.listeners)
        await victim.kill()
        await victim.start()

    async def _suspend_listener(self, _random: Random) -> None:
        """Suspend the active one until the other has taken over, then let it continue."""
        victim = await self._active()
        suspended = victim.current
        assert suspended is not None
        suspended.suspend()
        try:
            await until(lambda: self._has_lost_its_lease(suspended), what="a take-over")
        finally:
            suspended.resume()

    async def _step_down(self, _random: Random) -> None:
        primary = await self.replica_set.present_primary()
        async with direct_client(primary) as client:
            # The server may close the connection that asked for it.
            with suppress(AutoReconnect):
                await client.admin.command({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 2, "force": True})
        await until(self.replica_set.primary, what="a primary")

    async def _kill_primary(self, _random: Random) -> None:
        await self.replica_set.kill_primary()

    async def _freeze_primary(self, _random: Random) -> None:
        """Suspend the primary until another member has taken over."""
        frozen = await self.replica_set.present_primary()
        frozen.freeze()
        try:
            await until(lambda: self.replica_set.primary(other_than=frozen), what="the next primary")
        finally:
            frozen.thaw()
        await self.replica_set.wait_for_member(frozen)

    async def _roll_back(self, random: Random) -> None:
        await self.rollback.make(self.replica_set, random)

    async def _cut_connections(self, random: Random) -> None:
        """Cut every connection of clients and members, several times."""
        for _ in range(CUTS):
            for member in self.replica_set.members:
                assert member.proxy is not None
                member.proxy.cut()
            await asyncio.sleep(random.uniform(0, 0.3))

    async def _roll_oplog_over(self, _random: Random) -> None:
        """Kill both listeners, and start them when the oplog begins after their position.

        Wait for the end of the recovery: one that is interrupted stays one gap, and the fourth loss of one would
        stop the listener.
        """
        closed = await self._closed_gaps()
        for listener in self.listeners:
            await listener.kill()
        await roll_over(self.replica_set, self.database)
        for listener in self.listeners:
            await listener.start()

        async def has_recovered() -> bool:
            await self.restart_what_ended()
            return await self._closed_gaps() > closed

        await until(has_recovered, what="a gap that is closed")

    async def _closed_gaps(self) -> int:
        return int(await patiently(lambda: self.database[GAPS].count_documents({"closed_at": {"$ne": None}})))

    async def _kill_valkey(self, random: Random) -> None:
        await restart_valkey(self.valkey, outage_s=random.uniform(0, LONGEST_OUTAGE_S))

    async def _kill_worker(self, _random: Random) -> None:
        await self.worker.kill()
        await self.worker.start()

    async def _poison(self, random: Random) -> None:
        async def kill_active() -> None:
            if random.random() < 0.5:
                await self._kill_listener(random)

        await self.poison.make(random, meanwhile=kill_active)

    async def _active(self) -> KeptRunning:
        """Wait for a listener that holds the lease."""

        async def find() -> KeptRunning | None:
            owners = await self._owners()
            return next((one for one in self.listeners if one.current and _owns(one.current, owners)), None)

        while (found := await find()) is None:
            await until(find, what="an active listener")
        return found

    async def _has_lost_its_lease(self, listener: Program) -> bool:
        owners = await self._owners()
        return bool(owners) and not _owns(listener, owners)

    async def _owners(self) -> list[str]:
        async def read() -> list[str]:
            return [each["owner"] async for each in self.database[POSITIONS].find() if each.get("owner")]

        owners: list[str] = await patiently(read)
        return owners


def _owns(listener: Program, owners: Sequence[str]) -> bool:
    return any(f":{listener.pid}:" in owner for owner in owners)
