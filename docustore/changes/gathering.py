"""Changes that wait for their transaction, with their effects made.

An effect does not depend on the number of its first change. So the effects of the next transaction are made while
the one before is committed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from docustore.changes.apply import Reached
from docustore.changes.cooperative import in_slices
from docustore.changes.effects.batch import BatchEffects
from docustore.changes.effects.effect import Effects
from docustore.changes.events import Change, just_before
from docustore.changes.images import needs_history
from docustore.changes.stream import EventBatch

# Bounds what one transaction holds in the server's cache; a larger event gets a transaction of its own.
MAX_TRANSACTION_BYTES: Final = 8 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Part:
    """The changes of one transaction.

    `effects` hold all of them. They are None where they must be made after the transaction before: an image is
    read from history, or a change fails, which is then found alone.
    """

    effects: BatchEffects | None
    changes: list[Change] = field(default_factory=list)
    events: int = 0
    size_bytes: int = 0

    def add(self, changes: Sequence[Change]) -> None:
        """Add the next changes, which `events` and `size_bytes` count already."""
        self.changes += changes
        if self.effects is None:
            return
        if any(needs_history(change, None) for change in changes):
            self.effects = None
            return
        try:
            self.effects.add(changes)
        except Exception:  # noqa: BLE001  # `follow` makes the effects again and reports the failure
            self.effects = None


class Gathering:
    """Consecutive batches of a stream, cut into parts of one transaction.

    `last` is the last batch; its end is the end of all.
    """

    def __init__(self, effects: Effects, *, max_events: int) -> None:
        self.parts: list[Part] = []
        self.last: EventBatch | None = None
        self.events = 0
        self.size_bytes = 0
        self._effects = effects
        self._max_events = max_events

    @property
    def ending_operation(self) -> str | None:
        """Return the operation that ended the collection after these changes."""
        return None if self.last is None else self.last.ending_operation

    async def add(self, batch: EventBatch) -> None:
        """Add the changes of the next batch, in slices."""
        async for slice_ in in_slices(batch.changes):
            self._add(slice_)
        self.events += len(batch.changes)
        self.size_bytes += batch.size_bytes
        self.last = batch

    def _add(self, changes: Sequence[Change]) -> None:
        part = self.parts[-1] if self.parts else self._open()
        fitting: list[Change] = []
        for change in changes:
            size_bytes = part.size_bytes + change.size_bytes
            if part.events and (part.events >= self._max_events or size_bytes > MAX_TRANSACTION_BYTES):
                part.add(fitting)
                part, fitting, size_bytes = self._open(), [], change.size_bytes
            part.events += 1
            part.size_bytes = size_bytes
            fitting.append(change)
        part.add(fitting)

    def _open(self) -> Part:
        part = Part(effects=BatchEffects(self._effects, seq=0))
        self.parts.append(part)
        return part


def reached_by(gathering: Gathering, *, stops_before_the_end: bool = False) -> Iterator[tuple[Part, Reached]]:
    """Yield each part with the position after it. Pure.

    Args:
        stops_before_the_end: Stay at the last change where the collection has ended. The end concerns all
            partitions: the position that stands for them must still find it in the stream.
    """
    last = gathering.last
    if last is None or not gathering.parts:
        return
    *cut, final = gathering.parts
    for part in cut:
        yield part, reached_with(part.changes[-1])
    is_before_the_end = stops_before_the_end and last.ending_operation is not None
    yield final, reached_with(final.changes[-1]) if is_before_the_end else reached_after(last)


def reached_after(batch: EventBatch) -> Reached:
    """Return the position after a batch."""
    return Reached(token=batch.token, cluster_time=batch.cluster_time, is_exact=batch.is_exact)


def reached_with(change: Change) -> Reached:
    """Return the position after one change.

    More changes of its transaction may follow.
    """
    return Reached(token=change.token, cluster_time=just_before(change.cluster_time), is_exact=False)
