"""Apply changes one by one.

So a change that cannot be applied stops no other. Used only after a batch has failed as a whole, and for users
that have a dead letter. A change is first applied as it is, then with a reduced row. If both fail it becomes a
dead letter, and so does every later change of the same user: the changes of a user are applied in order or not at
all.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
import structlog
from bson.timestamp import Timestamp

from docustore.changes.apply import Writer, commit
from docustore.changes.dead_letters import LetterState, letter_of, letter_writer
from docustore.changes.effects.batch import BatchEffects
from docustore.changes.effects.effect import Effects, Write, chunked
from docustore.changes.events import Change
from docustore.changes.images import resolve
from docustore.changes.meter import note_letter
from docustore.changes.position import ListenerState, Position
from docustore.changes.stopping import stops_the_listener
from docustore.errors import EffectsFailingError

log = structlog.get_logger()

# A fault in the store or in an effect would make a letter of every change. So many changes that cannot be stored,
# with no other change between them, are rare.
MAX_FAILURES_IN_A_ROW: Final = 20
_NO_EFFECTS: Final[Effects] = ()


@dataclass(slots=True, kw_only=True)
class Isolation:
    """Applies single changes; `held` are the users that have an open dead letter."""

    writer: Writer
    effects: Effects
    held: set[Hashable]
    failures_in_a_row: int = field(default=0, init=False)

    def note_success(self) -> None:
        """Note that a change was applied: a failure concerns its change only."""
        self.failures_in_a_row = 0

    def concerns(self, changes: Sequence[Change]) -> bool:
        """Tell whether a batch contains changes of a held user."""
        return bool(self.held) and any(change.user_key in self.held for change in changes)

    def free(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Leave out the users that are held.

        A comparison records them once they are released.
        """
        return [each for each in changes if each.user_key not in self.held] if self.held else changes

    async def apply(self, position: Position, moved: Position, change: Change) -> Position:
        """Apply one change, or make it a dead letter; return the position after it.

        Args:
            moved: The position after the change.

        Raises:
            EffectsFailingError: The last `MAX_FAILURES_IN_A_ROW` changes failed; this one has no letter.
        """
        if change.user_key in self.held:
            return await self._set_aside(position, moved, change, state=LetterState.HELD, error=None)
        try:
            position_after = await self.attempt(position, moved, change)
        except Exception as exc:
            if stops_the_listener(exc):
                raise
            self.failures_in_a_row += 1
            if self.failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
                raise EffectsFailingError(failures=self.failures_in_a_row) from exc
            position_after = await self._set_aside(position, moved, change, state=LetterState.FAILED, error=exc)
            self.held.add(change.user_key)
            log.error(  # noqa: TRY400  # the letter holds the reason
                "listener.dead_letter", operation=change.operation.value, error=type(exc).__name__
            )
        else:
            self.note_success()
        return position_after

    async def attempt(
        self,
        position: Position,
        moved: Position,
        change: Change,
        *,
        chunks_only: bool = False,
        also: Write | None = None,
    ) -> Position:
        """Apply one change as it is, or else with a reduced row.

        Args:
            moved: The position after the change.
            chunks_only: Leave out the effects that the end of a snapshot has rebuilt.
            also: A write that belongs to the same transaction.

        Raises:
            Exception: The change cannot be applied; nothing was written.
        """
        resolved = await resolve(self.writer.database, (change,), approximate_until=position.approximate_until)
        moved = with_read_at(moved, position, resolved.read_at)
        (whole,) = resolved.changes
        is_chunk = chunks_only or position.state is ListenerState.SNAPSHOTTING
        effects = chunked(self.effects) if is_chunk else self.effects
        try:
            return await self._commit(position, moved, whole, effects, also)
        except Exception as exc:
            if stops_the_listener(exc):
                raise
            reduced = msgspec.structs.replace(whole, is_reduced=True)
            return await self._commit(position, moved, reduced, effects, also)

    async def _commit(
        self, position: Position, moved: Position, change: Change, effects: Effects, also: Write | None
    ) -> Position:
        batch = BatchEffects(effects, seq=position.seq)
        batch.add([change])
        return await commit(self.writer, position, moved, effects=batch, also=also)

    async def _set_aside(
        self,
        position: Position,
        moved: Position,
        change: Change,
        *,
        state: LetterState,
        error: Exception | None,
    ) -> Position:
        # No row is written: a chunk's row does not count.
        counted = replace(moved, snapshot=position.snapshot, snapshot_rows=position.snapshot_rows)
        is_snapshotting = position.state is ListenerState.SNAPSHOTTING
        letter = letter_of(change, state=state, error=error, is_snapshotting=is_snapshotting)
        write = letter_writer(self.writer.database, letter)
        after = await commit(
            self.writer, position, counted, effects=BatchEffects(_NO_EFFECTS, seq=position.seq), also=write
        )
        note_letter(change.operation, state.value)
        return after


def with_read_at(moved: Position, position: Position, read_at: Timestamp | None) -> Position:
    """Note when missing images were read."""
    return replace(moved, approximate_until=read_at or position.approximate_until)
