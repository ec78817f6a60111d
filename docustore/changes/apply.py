"""Commit one batch: the position, then its effects, in one transaction.

Each change is applied exactly once. The transaction first moves the position, conditional on the fence and on the
sequence number that the effects were made for. A repeated transaction (by the driver, after a crash, by a second
listener) finds the position moved and writes nothing.
"""

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass, replace
from time import perf_counter

from bson.timestamp import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.effects.batch import BatchEffects
from docustore.changes.effects.effect import Stamp, Write
from docustore.changes.events import Token
from docustore.changes.floors import remaining
from docustore.changes.meter import note_commit
from docustore.changes.numbers import take_numbers
from docustore.changes.pipeline import StartPoint
from docustore.changes.position import ListenerState, Position, hold_position, move_position
from docustore.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where the stream stands after a batch; see `EventBatch` in `stream`."""

    token: Token
    cluster_time: Timestamp
    is_exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The connection that a listener writes through.

    One session, so one transaction at a time. The partitions of a process take turns.
    """

    database: Database
    session: AsyncClientSession
    lease_ms: int
    turn: asyncio.Lock | None = None

    async def transaction(self, write: Write) -> None:
        """Run the writes in one transaction.

        The driver repeats it while the server allows that.
        """
        async with self.turn or nullcontext():
            await self.session.with_transaction(write)

    async def guarded(self, position: Position, write: Write) -> None:
        """Run the writes in one transaction if the position is still the known one.

        Raises:
            ListenerFencedError: Another listener took over; nothing was written.
        """

        async def guard_and_write(session: AsyncClientSession) -> None:
            await hold_position(self.database, position, lease_ms=self.lease_ms, session=session)
            await write(session)

        await self.transaction(guard_and_write)


async def apply_effects(
    writer: Writer,
    position: Position,
    effects: BatchEffects,
    *,
    reached: Reached,
    read_at: Timestamp | None = None,
) -> Position:
    """Commit one batch of the stream and return the position after it.

    A batch without changes moves the position over changes of other collections, so that an idle position never
    falls off the oplog. Commit it only while no change is in flight: the token must not overtake a change that is
    not applied.

    Args:
        position: The position the effects were made for.
        read_at: When missing images were read instead; None where none was missing.

    Raises:
        ListenerFencedError: Another listener took over; nothing was written.
        PyMongoError: The outcome is unknown; load the position again before the next step.
    """
    moved = reached_position(position, reached)
    moved = replace(moved, approximate_until=read_at or position.approximate_until)
    return await commit(writer, position, moved, effects=effects)


def reached_position(position: Position, reached: Reached) -> Position:
    """Return the position at a place of the stream, before any effect is added.

    While a snapshot is in progress it stays in progress, and the stream counts as no progress of it.
    """
    is_snapshotting = position.state is ListenerState.SNAPSHOTTING
    floors = remaining(position.floors, reached.cluster_time) if position.floors else ()
    return replace(
        position,
        state=ListenerState.SNAPSHOTTING if is_snapshotting else ListenerState.STREAMING,
        start=StartPoint(token=reached.token),
        cluster_time=reached.cluster_time,
        is_exact=reached.is_exact and not floors,
        floors=floors,
        recoveries=position.recoveries if is_snapshotting else 0,
    )


async def commit(
    writer: Writer, position: Position, moved: Position, *, effects: BatchEffects, also: Write | None = None
) -> Position:
    """Move the position and write the effects in one transaction.

    Return the moved position.

    Args:
        moved: The new position; the number of the last row and the count of approximate rows are added here.
        also: A write that belongs to the same transaction.

    Raises:
        ListenerFencedError: Another listener took over; nothing was written.
    """
    moved = replace(
        moved, seq=effects.seq, approximate_rows=_plus(position.approximate_rows, effects.approximate_rows)
    )
    stamp = effects.stamp(moved)
    began_at = perf_counter()

    async def write(session: AsyncClientSession) -> None:
        # The numbers of partitions first: a transaction that begins before another one ends must be repeated.
        numbered = await _numbered(writer, moved, effects, stamp, session)
        # Then the position: it takes the lock that keeps a take-over out until this transaction ends.
        mark = await move_position(writer.database, position, moved, lease_ms=writer.lease_ms, session=session)
        await effects.write(writer.database, replace(numbered, destinations=mark), session)
        if also is not None:
            await also(session)

    await writer.transaction(write)
    note_commit(effects.operations, began_at=began_at, result=effects.result)
    return moved


async def _numbered(
    writer: Writer, moved: Position, effects: BatchEffects, stamp: Stamp, session: AsyncClientSession
) -> Stamp:
    """Return the stamp of a batch.

    Without partitions it is known before the transaction.
    """
    if moved.partition is None:
        return stamp
    return await take_numbers(
        writer.database,
        moved,
        moved.partition,
        rows=effects.rows,
        changed_at=effects.changed_at,
        as_of=stamp.as_of,
        session=session,
    )


def _plus(rows: int | None, more: int) -> int | None:
    return None if rows is None else rows + more
