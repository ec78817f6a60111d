"""Choose some of the records that a run writes, each with the same chance. Pure.

Vitter's algorithm L: https://dl.acm.org/doi/10.1145/198429.198435. It skips over the records between two choices,
so it costs little for each record, and it holds no page.
"""

import math
from collections.abc import Sequence
from random import Random

from docustore.etl.plan import Outcome
from docustore.etl.transform import UserRecord

_WRITTEN = frozenset({Outcome.INSERTED, Outcome.UPDATED, Outcome.DEACTIVATED})


class Sample:
    """At most `size` records of all that were added.

    Args:
        random: The source of chance; a seeded one makes the choice repeatable.
    """

    def __init__(self, size: int, random: Random) -> None:
        self._size = size
        self._random = random
        self._chosen: list[UserRecord] = []
        self._added = 0
        self._weight = 1.0
        self._next = 0

    @property
    def records(self) -> list[UserRecord]:
        """The chosen records."""
        return list(self._chosen)

    def add(self, records: Sequence[UserRecord], outcomes: Sequence[Outcome]) -> None:
        """Add the records of a page that were written."""
        if not self._size:
            return
        written = [record for record, outcome in zip(records, outcomes, strict=True) if outcome in _WRITTEN]
        end = self._added + len(written)
        while self._next < end:
            self._take(written[self._next - self._added])
        self._added = end

    def _take(self, record: UserRecord) -> None:
        if len(self._chosen) < self._size:
            self._chosen.append(record)
            self._next += 1
            if len(self._chosen) < self._size:
                return
            self._next -= 1
        else:
            self._chosen[self._random.randrange(self._size)] = record
        self._weight *= math.exp(math.log(1.0 - self._random.random()) / self._size)
        self._next += self._skipped() + 1

    def _skipped(self) -> int:
        if self._weight >= 1.0:
            return 0
        return math.floor(math.log(1.0 - self._random.random()) / math.log1p(-self._weight))
