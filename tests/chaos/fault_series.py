"""Faults in an order that a seed gives, however fast the machine is."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random

Fault = Callable[[Random], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFault:
    """One fault of a plan.

    It comes `after_s` seconds after the end of the fault before. `seed` is that of its own choices.
    """

    kind: str
    after_s: float
    seed: int


def planned(
    weights: Mapping[str, int], *, faults: int, seed: int, longest_pause_s: float
) -> tuple[PlannedFault, ...]:
    """Choose faults by weight, in random order. Pure.

    Every kind comes once before one comes twice. Fewer faults than kinds are that many kinds.
    """
    random = Random(seed)
    kinds = list(weights)
    once = random.sample(kinds, k=min(faults, len(kinds)))
    more = random.choices(kinds, weights=list(weights.values()), k=faults - len(once))
    chosen = random.sample([*once, *more], k=faults)
    return tuple(
        PlannedFault(kind=kind, after_s=random.uniform(0, longest_pause_s), seed=random.getrandbits(32))
        for kind in chosen
    )


class FaultSeries:
    """Makes one planned fault after another; `made` counts them by kind."""

    def __init__(self, faults: Mapping[str, Fault], plan: Iterable[PlannedFault]) -> None:
        self._faults = faults
        self._plan = iter(plan)
        self.made: Counter[str] = Counter()

    async def make_next(self) -> None:
        fault = next(self._plan)
        # The moment of the fault within the load, not a wait for something.
        await asyncio.sleep(fault.after_s)
        await self._faults[fault.kind](Random(fault.seed))
        self.made[fault.kind] += 1
