"""What happens to the processes of a history between its changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.effects_control import rebuild_effect
from tests.chaos.fault_series import Fault
from tests.chaos.histories.service import Service
from tests.chaos.patience import patiently

# How often each kind is chosen, relative to the others.
WEIGHTS: Final = {
    "kill_listener": 5,
    "kill_api": 3,
    "kill_worker": 3,
    "step_down": 2,
    "kill_mongodb": 2,
    "edit_rule": 2,
    "rebuild": 1,
}
LONGEST_PAUSE_S: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFaults:
    """Kills of processes, faults of the store, and what an operator does."""

    service: Service

    @property
    def by_kind(self) -> Mapping[str, Fault]:
        return {
            "kill_listener": self._kill_listener,
            "kill_api": self._kill_api,
            "kill_worker": self._kill_worker,
            "step_down": self._step_down,
            "kill_mongodb": self._kill_mongodb,
            "edit_rule": self._edit_rule,
            "rebuild": self._rebuild,
        }

    async def restart_what_ended(self) -> None:
        for program in self.service.programs:
            await program.restart_if_ended()

    async def _kill_listener(self, random: Random) -> None:
        victim = random.choice(self.service.listeners)
        await victim.kill()
        await victim.start()

    async def _kill_api(self, random: Random) -> None:
        victim = random.choice(self.service.apis)
        await victim.kill()
        await victim.start()

    async def _kill_worker(self, _random: Random) -> None:
        await self.service.worker.kill()
        await self.service.worker.start()

    async def _step_down(self, _random: Random) -> None:
        await self.service.step_down()

    async def _kill_mongodb(self, _random: Random) -> None:
        await self.service.kill_mongodb()

    async def _edit_rule(self, _random: Random) -> None:
        await self.service.edit_rule()

    async def _rebuild(self, random: Random) -> None:
        name = random.choice(DERIVED).name
        database = self.service.database
        await patiently(lambda: rebuild_effect(database, name, actor="cli:ada", effects=EFFECTS, derived=DERIVED))
