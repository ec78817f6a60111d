"""Bring the effects to the state of `users`, chunk by chunk.

The stream goes on meanwhile. This happens at the first start (history is empty, every user becomes a `snapshot`
row) and after a lost position (a user that differs from its last row becomes a `recovered` row). Writers are not
stopped.

A chunk holds the next users in the order of `_id`, read as of the cluster time of the position. One transaction
writes its rows and moves the checkpoint. In between, the stream is followed for the users up to the checkpoint.
The changes of all other users are left out, since a later chunk reads their result. So a chunk never reads a state
older than a few seconds, however many users there are, and a restart continues after the last chunk. At the end,
the effects that are not built by chunks are rebuilt as of the cluster time of the position.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

import structlog
from bson.timestamp import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from docustore.changes.apply import Writer, commit
from docustore.changes.comparison import (
    Comparison,
    absent_users,
    boundary_of,
    read_chunk,
    recorded_user_ids,
)
from docustore.changes.dead_letters import note_rebuild, supersede_letters
from docustore.changes.effects.batch import BatchEffects
from docustore.changes.effects.building import mark_live, rebuilt_effects, restart_derived
from docustore.changes.effects.effect import Effects, Rebuild, chunked
from docustore.changes.events import Change, just_after
from docustore.changes.gaps import close_gap
from docustore.changes.images import recorded_states
from docustore.changes.isolation import Isolation
from docustore.changes.pipeline import StartPoint
from docustore.changes.position import ListenerState, Position, Snapshot
from docustore.changes.stopping import stops_the_listener
from docustore.cluster_time import last_applied
from docustore.transient import SNAPSHOT_TOO_OLD

log = structlog.get_logger()

# Chunks read at one cluster time for this long, then the stream is followed. The server keeps 300 s of past
# states.
FOLLOW_EVERY_S: Final = 5.0


@dataclass(slots=True, kw_only=True)
class SnapshotRun:
    """The progress of one process on the stored snapshot.

    `fresh_until` is when the position's cluster time becomes too old to read a chunk at; None if it is old.
    """

    writer: Writer
    effects: Effects
    isolation: Isolation
    fresh_until: float | None = None
    recorded: AsyncIterator[list[Any]] | None = None

    def needs_stream(self, position: Position) -> bool:
        """Tell whether the stream must be followed before the next chunk is read."""
        return has_compared(position) and (self.fresh_until is None or not position.is_exact)

    def note_fresh(self) -> None:
        """Note that the position has just reached the present.

        At least one chunk can be read at it.
        """
        self.fresh_until = time.monotonic() + FOLLOW_EVERY_S

    async def advance(self, position: Position, *, is_over: Callable[[], bool]) -> Position:
        """Work until the snapshot is complete, the stream must be followed, or `is_over`.

        Raises:
            ListenerFencedError: Another listener took over.
            SnapshotExpiredError: The last step took longer than the server keeps the state.
        """
        if needs_begin(position):
            position = await self._begin(position)
        while position.snapshot is not None and not is_over() and not self.needs_stream(position):
            try:
                position = await self._step(position, position.snapshot)
                if self.fresh_until is not None and time.monotonic() > self.fresh_until:
                    self.fresh_until = None
            except OperationFailure as exc:
                if exc.code != SNAPSHOT_TOO_OLD:
                    raise
                self.fresh_until = None
                if not has_compared(position):
                    position = await self._begin(position)
        return position

    async def _begin(self, position: Position) -> Position:
        """Choose the first cluster time; nothing is compared yet."""
        for effect in self.effects:
            await effect.discard_unfinished(
                self.writer.database, position.seq, lambda write: self.writer.guarded(position, write)
            )
        now = await last_applied(self.writer.database)
        begun = replace(
            position,
            state=ListenerState.SNAPSHOTTING,
            start=StartPoint(start_at=just_after(now)),
            cluster_time=now,
            is_exact=True,
            approximate_until=None,
            floors=(),
            snapshot=replace(position.snapshot or Snapshot(), is_begun=True, is_first=position.seq == 0),
        )
        await commit(
            self.writer, position, begun, effects=BatchEffects((), seq=position.seq), also=self._supersede
        )
        self.isolation.held.clear()
        self.recorded = None
        self.note_fresh()
        return begun

    async def _supersede(self, session: AsyncClientSession) -> None:
        await supersede_letters(self.writer.database, session)

    async def _step(self, position: Position, snapshot: Snapshot) -> Position:
        if not snapshot.compares:
            return await self._finish(position, snapshot)
        if not snapshot.is_users_read:
            return await self._compare_chunk(position, snapshot)
        if snapshot.is_first:
            return await self._finish(position, snapshot)
        if self.recorded is None:
            self.recorded = recorded_user_ids(self.writer.database)
        user_ids = await anext(self.recorded, None)
        if user_ids is None:
            return await self._finish(position, snapshot)
        return await self._record_deleted(position, snapshot, user_ids)

    async def _compare_chunk(self, position: Position, snapshot: Snapshot) -> Position:
        database, at = self.writer.database, _time_of(position)
        users = await read_chunk(database, at, after=snapshot.after)
        if not users:
            done = replace(snapshot, is_users_read=True)
            return await self._write(position, [], reached=done)
        found = Comparison(cluster_time=at, numbers=count(position.seq + 1))
        if snapshot.is_first:
            changes = [found.first(user) for user in users]
        else:
            recorded = await recorded_states(database, [user["_id"] for user in users])
            changes = list(found.changed(users, recorded))
        return await self._write(position, changes, reached=replace(snapshot, after=boundary_of(users[-1])))

    async def _record_deleted(self, position: Position, snapshot: Snapshot, user_ids: list[Any]) -> Position:
        database, at = self.writer.database, _time_of(position)
        absent = await absent_users(database, at, user_ids)
        found = Comparison(cluster_time=at, numbers=count(position.seq + 1))
        # Read again: the stream may have recorded a deletion since the ids were read.
        recorded = await recorded_states(database, absent) if absent else {}
        changes = list(found.all_deleted(absent, recorded))
        return await self._write(position, changes, reached=snapshot) if changes else position

    async def _write(self, position: Position, changes: Sequence[Change], *, reached: Snapshot) -> Position:
        """Write the rows of a chunk, together or one by one, and move the checkpoint."""
        batch = BatchEffects(chunked(self.effects), seq=position.seq)
        try:
            batch.add(self.isolation.free(changes))
            return await commit(
                self.writer, position, compared(position, reached, rows=batch.seq - position.seq), effects=batch
            )
        except Exception as exc:
            if stops_the_listener(exc):
                raise
            log.warning("listener.chunk_failed", users=len(changes), error=type(exc).__name__)
        for change in self.isolation.free(changes):
            # The checkpoint stays until all are written: a restart compares this chunk again.
            moved = compared(position, position.snapshot or reached, rows=1)
            position = await self.isolation.apply(position, moved, change)
        empty = BatchEffects((), seq=position.seq)
        rows = (position.snapshot or reached).rows
        return await commit(
            self.writer, position, replace(position, snapshot=replace(reached, rows=rows)), effects=empty
        )

    async def _finish(self, position: Position, snapshot: Snapshot) -> Position:
        database, at = self.writer.database, _time_of(position)
        rest = [effect for effect in self.effects if not effect.is_built_by_chunks]
        rebuilt = await rebuilt_effects(rest, Rebuild(database=database, cluster_time=at))
        done = replace(position, state=ListenerState.STREAMING, snapshot=None)
        batch = BatchEffects((), seq=position.seq)
        stamp = batch.stamp(done)

        async def also(session: AsyncClientSession) -> None:
            for each in rebuilt:
                await each.write(database, stamp, session)
            await mark_live(database, self.effects, session)
            await note_rebuild(database, session)
            if not snapshot.compares:
                await restart_derived(database, position.seq, session)
            if snapshot.gap_id is not None:
                await close_gap(database, snapshot.gap_id, position, session)

        done = await commit(self.writer, position, done, effects=batch, also=also)
        log.info("listener.snapshot_taken", rows=snapshot.rows, gap=snapshot.gap_id)
        return done


def has_compared(position: Position) -> bool:
    """Tell whether a begun snapshot depends on the stream.

    Some of its users were compared.
    """
    snapshot = position.snapshot
    return snapshot is not None and snapshot.is_begun and (snapshot.after is not None or snapshot.is_users_read)


def needs_begin(position: Position) -> bool:
    """Tell whether the first cluster time must be chosen.

    Now, unless a person has chosen another.
    """
    snapshot = position.snapshot
    return snapshot is None or not snapshot.is_begun or (snapshot.compares and not has_compared(position))


def compared(position: Position, reached: Snapshot, *, rows: int) -> Position:
    """Return the position after a chunk with this many rows.

    The stream starts after the cluster time, not after the token: a token that the server made for an empty reply
    stands before the changes of its own cluster time. The old boundary left some of those out, and the chunk holds
    their result.
    """
    known = position.snapshot_rows
    return replace(
        position,
        start=StartPoint(start_at=just_after(_time_of(position))),
        snapshot=replace(reached, rows=reached.rows + rows),
        snapshot_rows=None if known is None else known + rows,
    )


def _time_of(position: Position) -> Timestamp:
    if position.cluster_time is None:
        msg = "a begun snapshot has a cluster time"
        raise ValueError(msg)
    return position.cluster_time
