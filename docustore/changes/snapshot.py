"""Rebuild every effect from `users` as of one instant.

This happens at the first start (history is empty, every user becomes a `snapshot` row) and after a lost position
(a user that differs from the last recorded state becomes a `recovered` row). Writers are not stopped: everything
is read at one cluster time T0 and the stream then starts just after T0. So no change is lost or counted twice.

Rows are written in chunks beyond the committed sequence number, each chunk guarded by the fence. One final
transaction commits them together with the other effects and the position. A snapshot that ends before it leaves
rows, which the next start removes.
"""

from dataclasses import dataclass, replace
from functools import partial

from bson.timestamp import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from docustore.changes.apply import Writer
from docustore.changes.effects.effect import Effects, Rebuild, Rebuilt, Stamp
from docustore.changes.events import just_after
from docustore.changes.pipeline import StartPoint
from docustore.changes.position import ListenerState, Position, move_position
from docustore.errors import SnapshotExpiredError
from docustore.transient import SNAPSHOT_TOO_OLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Synchronised:
    """What a snapshot wrote, and the position after it.

    `rows` counts history rows, as of `cluster_time`.
    """

    rows: int
    cluster_time: Timestamp
    position: Position


async def synchronise(
    writer: Writer, position: Position, *, effects: Effects, compare_users: bool = True
) -> Synchronised:
    """Bring every effect to the state of the collection at this instant.

    The stream continues from there. Memory is flat. An empty collection takes a few milliseconds.

    Args:
        compare_users: False leaves history unchanged (policy `reset`).

    Raises:
        ListenerFencedError: Another listener took over.
        SnapshotExpiredError: Reading took longer than the server keeps the state.
    """
    database = writer.database
    begun = replace(position, state=ListenerState.SNAPSHOTTING)
    await move_position(database, position, begun, lease_ms=writer.lease_ms)
    guarded = partial(writer.guarded, begun)
    for effect in effects:
        await effect.discard_unfinished(database, begun.seq, guarded)
    cluster_time: Timestamp = (await database.command("ping"))["operationTime"]
    rebuild = Rebuild(
        database=database,
        seq=begun.seq,
        cluster_time=cluster_time,
        compare_users=compare_users,
        guarded=guarded,
    )
    rebuilt = await _rebuild_all(effects, rebuild)
    rows = sum(each.rows for each in rebuilt)
    done = await _commit(writer, begun, rebuilt, rows=rows, cluster_time=cluster_time)
    return Synchronised(rows=rows, cluster_time=cluster_time, position=done)


async def _rebuild_all(effects: Effects, rebuild: Rebuild) -> list[Rebuilt]:
    try:
        return [await effect.rebuild(rebuild) for effect in effects]
    except OperationFailure as exc:
        if exc.code == SNAPSHOT_TOO_OLD:
            raise SnapshotExpiredError from exc
        raise


async def _commit(
    writer: Writer, begun: Position, rebuilt: list[Rebuilt], *, rows: int, cluster_time: Timestamp
) -> Position:
    done = replace(
        begun,
        seq=begun.seq + rows,
        state=ListenerState.STREAMING,
        start=StartPoint(start_at=just_after(cluster_time)),
        cluster_time=cluster_time,
        is_exact=True,
        approximate_until=None,
    )
    stamp = Stamp(seq=done.seq, as_of=cluster_time.as_datetime(), cluster_time=cluster_time, is_exact=True)

    async def write(session: AsyncClientSession) -> None:
        await move_position(writer.database, begun, done, lease_ms=writer.lease_ms, session=session)
        for each in rebuilt:
            await each.write(writer.database, stamp, session)

    await writer.transaction(write)
    return done
