"""What a batch of changes does: one instance of every effect.

Pure until it is written.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final

from bson.timestamp import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.effects.effect import Effects, Stamp
from docustore.changes.events import Change
from docustore.changes.meter import APPLIED, REDUCED
from docustore.changes.position import Position
from docustore.database import Database
from docustore.history.models import Operation

_OPERATION: Final = attrgetter("operation")


class BatchEffects:
    """The effects of the changes that follow the change with number `seq`.

    `seq` grows with each change added. `newest_at` is the wall time of the last one and `changed_at` its cluster
    time, None while there is none. `approximate_rows` counts the changes whose state after was read later,
    `operations` all changes by operation. `result` is that of the changes in the metrics.
    """

    def __init__(self, effects: Effects, *, seq: int) -> None:
        self.seq = seq
        self.rows = 0
        self.newest_at: datetime | None = None
        self.changed_at: Timestamp | None = None
        self.approximate_rows = 0
        self.operations: Counter[Operation] = Counter()
        self.result = APPLIED
        self._effects = tuple(effect() for effect in effects)

    def add(self, changes: Sequence[Change]) -> None:
        """Add the next changes, with every available image, to every effect."""
        for effect in self._effects:
            # Bound once: this loop runs for every change.
            add = effect.add
            for change in changes:
                add(change)
        if changes:
            self.seq += len(changes)
            self.rows += len(changes)
            self.newest_at, self.changed_at = changes[-1].wall_time, changes[-1].cluster_time
            self.approximate_rows += sum(not change.is_after_known for change in changes)
            self.operations.update(map(_OPERATION, changes))
            # A reduced change has a batch of its own.
            self.result = REDUCED if changes[-1].is_reduced else APPLIED

    def number_after(self, seq: int) -> None:
        """Let the changes follow the change with another number."""
        self.seq = seq + self.rows

    async def write(self, database: Database, stamp: Stamp, session: AsyncClientSession) -> None:
        """Write every effect, in the order of the registry."""
        for effect in self._effects:
            await effect.write(database, stamp, session)

    def stamp(self, position: Position) -> Stamp:
        """Return the stamp of the marts for a position that these effects lead to."""
        if position.cluster_time is None:
            msg = "a position that effects are written for has a cluster time"
            raise ValueError(msg)
        return Stamp(
            seq=self.seq,
            as_of=self.newest_at or position.cluster_time.as_datetime(),
            cluster_time=position.cluster_time,
            is_exact=position.is_exact,
        )
