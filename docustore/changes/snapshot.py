"""Bring history and marts in step with the collection as it was at one instant.

Needed at the first start (history is empty, every user becomes a `snapshot` row) and after a lost position
(what differs from the last recorded state becomes a `recovered` row). Writers go on meanwhile: everything is
read at one cluster time T0 and the stream then starts just after T0, so no change is lost or counted twice.

Rows are written in chunks beyond the committed sequence number, each chunk guarded by the fence; one last
transaction commits them all, with the marts and the position. Dying before it leaves rows that the next start
removes.
"""

from dataclasses import dataclass, replace
from typing import Final

import structlog
from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from docustore.analytics.reconcile import marts_at
from docustore.changes.apply import Writer, insert_rows, replace_marts
from docustore.changes.comparison import StateChange, differing_states
from docustore.changes.effects import LARGE_CHANGE_BYTES
from docustore.changes.events import decoded, just_after
from docustore.changes.pipeline import StartPoint
from docustore.changes.position import ListenerState, Position, move_position
from docustore.errors import SnapshotExpiredError
from docustore.history.models import HISTORY, HistoryRow
from docustore.history.rows import changed_fields, fitted, source_of
from docustore.transient import SNAPSHOT_TOO_OLD

log = structlog.get_logger()

PROGRESS_EVERY_ROWS: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Synchronised:
    """What a synchronisation wrote: `rows` history rows, as of `cluster_time`, and the position after it."""

    rows: int
    cluster_time: Timestamp
    position: Position


async def synchronise(writer: Writer, position: Position, *, compare_users: bool = True) -> Synchronised:
    """Make history and marts those of the collection at this instant; the stream goes on from there.

    Memory is flat. An empty collection takes a few milliseconds.

    Args:
        compare_users: False leaves history as it is and only computes the marts (policy `reset`).

    Raises:
        ListenerFencedError: Another listener took over.
        SnapshotExpiredError: The server did not keep the instant for as long as reading took.
    """
    database = writer.database
    await _mark_snapshotting(writer, position)
    await database[HISTORY].delete_many({"_id": {"$gt": position.seq}})
    cluster_time: Timestamp = (await database.command("ping"))["operationTime"]
    try:
        written = await _write_rows(writer, position, cluster_time) if compare_users else 0
        marts = await marts_at(database, cluster_time)
    except OperationFailure as exc:
        if exc.code == SNAPSHOT_TOO_OLD:
            raise SnapshotExpiredError from exc
        raise
    start_at = just_after(cluster_time)
    seq = position.seq + written

    async def commit(session: AsyncClientSession) -> None:
        assignments = {
            "seq": Int64(seq),
            "state": ListenerState.STREAMING.value,
            "token": "$$REMOVE",
            "approximate_until": "$$REMOVE",
            "start_at": start_at,
            "cluster_time": cluster_time,
            "is_exact": True,
        }
        await move_position(database, position, assignments, lease_ms=writer.lease_ms, session=session)
        await replace_marts(database, marts, seq=seq, cluster_time=cluster_time, session=session)

    await writer.transaction(commit)
    reached = replace(
        position,
        seq=seq,
        state=ListenerState.STREAMING,
        start=StartPoint(start_at=start_at),
        cluster_time=cluster_time,
        is_exact=True,
        approximate_until=None,
    )
    return Synchronised(rows=written, cluster_time=cluster_time, position=reached)


async def _mark_snapshotting(writer: Writer, position: Position) -> None:
    state = {"state": ListenerState.SNAPSHOTTING.value}
    await move_position(writer.database, position, state, lease_ms=writer.lease_ms)


async def _write_rows(writer: Writer, position: Position, cluster_time: Timestamp) -> int:
    seq, announced = position.seq, position.seq
    async for states in differing_states(writer.database, cluster_time, is_history_empty=position.seq == 0):
        rows = [_row(number, state, cluster_time=cluster_time) for number, state in enumerate(states, seq + 1)]
        await _insert_chunk(writer, position, rows, image_bytes=sum(map(_size, states)))
        seq += len(rows)
        if seq - announced >= PROGRESS_EVERY_ROWS:
            announced = seq
            log.info("listener.snapshot_progressed", rows=seq - position.seq)
    return seq - position.seq


async def _insert_chunk(writer: Writer, position: Position, rows: list[HistoryRow], *, image_bytes: int) -> None:
    async def write(session: AsyncClientSession) -> None:
        # Guarded like a batch: a listener that lost its lease must not add rows to those of the next one.
        await move_position(writer.database, position, {}, lease_ms=writer.lease_ms, session=session)
        await insert_rows(writer.database, rows, image_bytes=image_bytes, session=session)

    await writer.transaction(write)


def _row(number: int, state: StateChange, *, cluster_time: Timestamp) -> HistoryRow:
    before, after = decoded(state.before), decoded(state.after)
    changes = changed_fields(before, after)
    for name in state.unchecked:
        changes.pop(name, None)
    row: HistoryRow = {
        "_id": Int64(number),
        "event_id": f"{state.operation.value}:{number}",
        "operation": state.operation.value,
        "user_id": state.user_id,
        "changes": changes,
        "after": state.after,
        "valid_from": cluster_time.as_datetime(),
        "cluster_time": cluster_time,
        "source": source_of(before, after),
    }
    return fitted(row) if _size(state) > LARGE_CHANGE_BYTES else row


def _size(state: StateChange) -> int:
    return sum(len(raw.raw) for raw in (state.before, state.after) if raw is not None)
