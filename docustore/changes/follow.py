"""Follow one open stream: apply the batches, and move an idle position."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from bson.timestamp import Timestamp

from docustore.changes.apply import Reached, Writer, apply_effects, reached_position
from docustore.changes.comparison import boundary_id
from docustore.changes.cooperative import in_slices
from docustore.changes.effects.batch import BatchEffects
from docustore.changes.effects.effect import Effects, fields_of
from docustore.changes.events import Change
from docustore.changes.foreign_rows import set_aside_foreign_rows
from docustore.changes.gathering import Gathering, reached_after, reached_by, reached_with
from docustore.changes.images import resolve
from docustore.changes.isolation import Isolation
from docustore.changes.pipeline import Images
from docustore.changes.position import Position
from docustore.changes.read_ahead import ReadAhead
from docustore.changes.selection import selected
from docustore.changes.stopping import stops_the_listener
from docustore.changes.stream import ChangeReader, EventBatch

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowOptions:
    """How to follow the stream.

    `idle_save_s` is the longest time between two moves of an idle position. `boundary` leaves out the changes of
    users beyond it; `until` ends the work at an exact position of this time. Both serve a snapshot in progress.
    """

    batch_size: int
    images: Images
    effects: Effects
    isolation: Isolation
    idle_save_s: float
    boundary: bytes | None = None
    until: Timestamp | None = None


async def follow(
    writer: Writer, position: Position, options: FollowOptions, *, is_over: Callable[[], bool]
) -> str | None:
    """Apply changes until `is_over`; return the operation that ended the collection.

    Returns None where the collection did not end. With fewer images it also returns after one full batch: the
    event that was too large is applied by then.

    Raises:
        PositionLostError, EventTooLargeError, ListenerFencedError, PyMongoError: The stream is closed; committed
            batches stay committed.
    """
    follower = _Follower(writer=writer, position=position, options=options, has_floors=bool(position.floors))
    reader = ChangeReader(
        writer.database,
        start=position.start,
        images=options.images,
        fields=fields_of(options.effects),
        batch_size=options.batch_size,
        up_to=None if options.boundary is None else boundary_id(options.boundary),
        only=selected(position),
    )
    gather = partial(Gathering, options.effects, max_events=options.batch_size)
    async with (
        reader,
        ReadAhead(reader, gather=gather, max_events=options.batch_size, is_over=is_over) as ahead,
    ):
        while not is_over() and not follower.is_done:
            gathered = await ahead.take()
            await follower.advance(gathered)
            if gathered.ending_operation is not None:
                return gathered.ending_operation
    return None


@dataclass(slots=True, kw_only=True)
class _Follower:
    writer: Writer
    position: Position
    options: FollowOptions
    has_floors: bool
    saved_at: float = 0.0
    events: int = 0
    is_caught_up: bool = False

    @property
    def is_done(self) -> bool:
        is_past_large_event = self.options.images is not Images.BOTH and self.events >= self.options.batch_size
        # The stream is opened again without the floors: the server looks at them for every event.
        is_past_floors = self.has_floors and not self.position.floors
        return is_past_large_event or is_past_floors or has_reached(self.position, self.options.until)

    async def advance(self, gathered: Gathering) -> None:
        is_partition = self.position.partition is not None
        for part, reached in reached_by(gathered, stops_before_the_end=is_partition):
            await self._apply(part.changes, reached, part.effects)
        self.events += gathered.events
        if gathered.last is not None and not gathered.parts and gathered.ending_operation is None:
            await self._note_idle(gathered.last)

    async def _apply(
        self, changes: Sequence[Change], reached: Reached, prepared: BatchEffects | None = None
    ) -> None:
        isolation = self.options.isolation
        if not isolation.concerns(changes):
            try:
                await self._apply_together(changes, reached, prepared)
            except Exception as exc:
                if stops_the_listener(exc):
                    raise
                log.warning("listener.batch_failed", events=len(changes), error=type(exc).__name__)
            else:
                isolation.note_success()
                return
        # A row of another client may have taken a number.
        while await set_aside_foreign_rows(self.writer, self.position):
            pass
        if len(changes) > 1:
            # Halves: one change that fails costs a dozen transactions, not one for each change of its batch.
            first, second = changes[: len(changes) // 2], changes[len(changes) // 2 :]
            await self._apply(first, reached_with(first[-1]))
            await self._apply(second, reached)
            return
        moved = reached_position(self.position, reached_with(changes[0]))
        self.position = await isolation.apply(self.position, moved, changes[0])
        await self._commit(BatchEffects(self.options.effects, seq=self.position.seq), reached=reached)

    async def _apply_together(
        self, changes: Sequence[Change], reached: Reached, prepared: BatchEffects | None
    ) -> None:
        position = self.position
        if prepared is not None and not self._may_be_approximate(changes):
            prepared.number_after(position.seq)
            await self._commit(prepared, reached=reached)
            return
        resolved = await resolve(self.writer.database, changes, approximate_until=position.approximate_until)
        effects = BatchEffects(self.options.effects, seq=position.seq)
        async for slice_ in in_slices(resolved.changes):
            effects.add(slice_)
        await self._commit(effects, reached=reached, read_at=resolved.read_at)

    def _may_be_approximate(self, changes: Sequence[Change]) -> bool:
        """Tell whether a state before comes from history.

        The first change is the oldest one.
        """
        until = self.position.approximate_until
        return until is not None and changes[0].cluster_time <= until

    async def _note_idle(self, batch: EventBatch) -> None:
        if not self.is_caught_up:
            self.is_caught_up = True
            log.info("listener.caught_up", seq=self.position.seq, events=self.events)
        is_due = time.monotonic() - self.saved_at >= self.options.idle_save_s
        if is_due or not self.position.is_exact or self.options.until is not None:
            await self._commit(
                BatchEffects(self.options.effects, seq=self.position.seq), reached=reached_after(batch)
            )

    async def _commit(self, effects: BatchEffects, *, reached: Reached, read_at: Timestamp | None = None) -> None:
        self.position = await apply_effects(self.writer, self.position, effects, reached=reached, read_at=read_at)
        self.saved_at = time.monotonic()


def has_reached(position: Position, until: Timestamp | None) -> bool:
    """Tell whether a position is exact and not before a time; False without a time."""
    reached = position.cluster_time
    return until is not None and position.is_exact and reached is not None and reached >= until
