"""The users that the writers know, and how many changes each writer has made."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any


@dataclass(slots=True, kw_only=True)
class Population:
    """What the writers share.

    `ids` are users that may be there, `removed` those whose document is gone. `strange` are users outside the
    model; they are among `ids` too. `made` counts the changes that the
    server has acknowledged, by writer; `refused` and `unknown` count writes.
    """

    ids: list[Any] = field(default_factory=list)
    removed: list[Any] = field(default_factory=list)
    strange: list[Any] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def some(self, random: Random, count: int) -> list[Any]:
        return random.sample(self.ids, k=min(count, len(self.ids)))

    def take(self, random: Random, count: int) -> list[Any]:
        """Choose users to be removed: no writer chooses them again."""
        chosen = self.some(random, count)
        self.ids = [user_id for user_id in self.ids if user_id not in chosen]
        self.removed += chosen
        return chosen

    def take_removed(self, random: Random) -> Any | None:
        """Choose a removed user to be written again; None if there is none."""
        if not self.removed:
            return None
        return self.removed.pop(random.randrange(len(self.removed)))
