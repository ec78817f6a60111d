"""The layout: one position for all users, or one for each of N partitions.

With one, `change_positions` holds the document `users`, as ever. With N it holds `users:0` to `users:N-1` beside
it, and `users` says how far they are together (see `docustore.changes.numbers`).

A change of the layout is one transaction. It fences every listener and writes the new positions. They begin at the
least cluster time of the old ones, with floors for what those had applied beyond it. So nothing waits for the
other partitions, and no change is lost or applied twice. Killed in between, everything is as it was.

Partitions only follow the stream. A snapshot, a recovery, a seek and a reset concern all users: the layout becomes
one position first (`unite`), and the listeners divide it again afterwards.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.events import just_after
from docustore.changes.floors import Floor, bound_of
from docustore.changes.lease import end_transaction
from docustore.changes.numbers import reach_name
from docustore.changes.pipeline import StartPoint
from docustore.changes.position import (
    ALL_POSITIONS,
    POSITION_ID,
    POSITIONS,
    ListenerState,
    Partition,
    Position,
    fenced,
    partitions_of,
    position_of,
    stored_fields,
)
from docustore.cluster_time import last_applied
from docustore.database import Database, Document, in_transaction

log = structlog.get_logger()

# No listener takes the lease of `users` while there are partitions, also none of an older release: the lease does
# not end.
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_PAST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ENDLESS_MS: Final = 10**15
_ONLY_DIVIDED: Final = ("partitions", "reached", "changed_at", "as_of")
_ONLY_UNDIVIDED: Final = ("token", "start_at", "approximate_until", "snapshot_rows", "approximate_rows", "floors")


async def divide(database: Database, partitions: int) -> bool:
    """Change the number of partitions if nothing speaks against it now.

    Returns:
        False while a snapshot is in progress, a listener is paused, or the last change is not complete; also where
            another listener was faster.
    """
    if not is_settled(await stored_positions(database)):
        return False
    await end_transactions(database)
    now = await last_applied(database)
    is_done = False

    async def write(session: AsyncClientSession) -> None:
        nonlocal is_done
        documents = await stored_positions(database, session)
        is_done = is_settled(documents) and partitions_of(documents[0]) != partitions
        if is_done:
            await _store(database, arranged(documents, partitions=partitions, now=now), session)

    await in_transaction(database, write)
    if is_done:
        log.info("listener.partitions_changed", partitions=partitions)
    return is_done


async def unite(database: Database, position: Position, *, reason: str) -> None:
    """Return to one position, as the owner of a partition that cannot go on alone.

    Raises:
        ListenerFencedError: The layout has changed, or another listener took over.
    """
    now = await last_applied(database)

    async def write(session: AsyncClientSession) -> None:
        own = {"_id": position.id, "fence": position.fence}
        if await database[POSITIONS].find_one(own, {"_id": 1}, session=session) is None:
            raise fenced(position.fence)
        await unite_in(database, session, now=now)

    await end_transactions(database, besides=position.id)
    await in_transaction(database, write)
    log.warning("listener.partitions_united", partition=position.id, reason=reason)


async def unite_in(database: Database, session: AsyncClientSession, *, now: Timestamp) -> None:
    """Return to one position in a transaction; nothing changes where there is one."""
    documents = await stored_positions(database, session)
    if len(documents) > 1:
        await _store(database, arranged(documents, partitions=1, now=now), session)


async def stored_positions(database: Database, session: AsyncClientSession | None = None) -> list[Document]:
    """Read all positions: `users` first, then the partitions in their order."""
    found = await database[POSITIONS].find(ALL_POSITIONS, session=session).to_list()
    return sorted(found, key=lambda document: document.get("partition", -1))


async def end_transactions(database: Database, *, besides: str | None = None) -> None:
    """End the transactions of all owners.

    A frozen one would hold its position for a minute.
    """
    for document in await stored_positions(database):
        if document.get("session") is not None and document["_id"] != besides:
            await end_transaction(database, document["session"])


def is_settled(documents: Sequence[Document]) -> bool:
    """Tell whether the layout may change. Pure.

    Not during a snapshot, which compares all users; not while paused; not before the last change is complete.
    """
    positions = [position_of(document) for document in documents[1:] or documents]
    return bool(positions) and all(
        each.state is ListenerState.STREAMING
        and each.cluster_time is not None
        and each.snapshot is None
        and each.snapshot_rows is not None
        and not each.floors
        and not each.is_paused
        for each in positions
    )


def arranged(documents: Sequence[Document], *, partitions: int, now: Timestamp) -> list[Document]:
    """Return the positions of another layout, `users` first. Pure.

    Args:
        documents: The stored positions, `users` first.
        now: Not before the cluster time of any applied change, nor of a change that ended the collection.
    """
    head = documents[0]
    old = [position_of(document) for document in documents[1:] or documents]
    fence = max(document["fence"] for document in documents) + 1
    whole = replace(_whole(old, now=now), seq=head["seq"], fence=fence)
    pause = _pause(documents)
    if partitions == 1:
        return [_undivided(head, whole) | pause]
    changed_at = head["changed_at"] if "partitions" in head else _changed_at(old[0])
    parts = [_part(whole, Partition(index=index, of=partitions)) | pause for index in range(partitions)]
    return [_divided(head, whole, partitions=partitions, changed_at=changed_at) | pause, *parts]


def _whole(old: Sequence[Position], *, now: Timestamp) -> Position:
    """Return one position that stands for all the old ones."""
    # A time, not a token: a stream whose filter leaves out the event of the token does not open.
    least = min(map(_time_of, old))
    bounds = tuple(bound_of(each.start, _time_of(each)) for each in old)
    # All partitions of a layout have the same floors; one that has passed them needs them no more.
    earlier = next((each.floors for each in old if each.floors), ())
    approximate = [each.approximate_until for each in old if each.approximate_until is not None]
    return replace(
        old[0],
        partition=None,
        start=StartPoint(start_at=just_after(least)),
        cluster_time=least,
        is_exact=False,
        approximate_until=max(approximate, default=None),
        recoveries=max(each.recoveries for each in old),
        snapshot_rows=sum(each.snapshot_rows or 0 for each in old),
        approximate_rows=sum(each.approximate_rows or 0 for each in old),
        floors=(*earlier, Floor(of=len(old), after=bounds, until=now)),
    )


def _undivided(head: Document, whole: Position) -> Document:
    """Return the one position. Its lease is free."""
    kept = {name: value for name, value in head.items() if name not in _ONLY_DIVIDED}
    return {**kept, **_fields(whole), "lease_expires_at": _PAST, "owner": None, "session": None}


def _divided(head: Document, whole: Position, *, partitions: int, changed_at: Timestamp) -> Document:
    """Return the document `users` beside partitions. No listener can take its lease."""
    time = _time_of(whole)
    reach = {"cluster_time": time, "changed_at": changed_at, "as_of": time.as_datetime()}
    return {
        **{name: value for name, value in head.items() if name not in _ONLY_UNDIVIDED},
        "seq": Int64(whole.seq),
        "fence": whole.fence,
        "state": ListenerState.STREAMING.value,
        "partitions": partitions,
        "reached": {reach_name(index): reach for index in range(partitions)},
        **reach,
        "is_exact": changed_at <= time,
        "lease_ms": Int64(_ENDLESS_MS),
        "lease_expires_at": _NEVER,
        "owner": None,
        "session": None,
    }


def _part(whole: Position, partition: Partition) -> Document:
    """Return the position of a partition. The first one keeps the counts."""
    counts = {} if partition.index == 0 else {"snapshot_rows": 0, "approximate_rows": 0}
    return {
        **_fields(whole),
        "_id": partition.position_id,
        "partition": partition.index,
        "partitions": partition.of,
        "seq": Int64(0),
        **counts,
    }


def _fields(position: Position) -> Document:
    values = {name: value for name, value in stored_fields(position).items() if value is not None}
    return {**values, "fence": position.fence}


def _pause(documents: Sequence[Document]) -> Document:
    """Return the pause: of one partition, it becomes that of all."""
    paused = next((each for each in documents if each.get("paused_at") is not None), {})
    return {name: paused[name] for name in ("paused_at", "paused_by") if name in paused}


def _changed_at(position: Position) -> Timestamp:
    """Return the time of the last applied change, or a later time that is as good."""
    time = _time_of(position)
    return time if position.is_exact else just_after(time)


def _time_of(position: Position) -> Timestamp:
    if position.cluster_time is None:
        msg = "a position that follows the stream has a cluster time"
        raise ValueError(msg)
    return position.cluster_time


async def _store(database: Database, documents: Sequence[Document], session: AsyncClientSession) -> None:
    positions = database[POSITIONS]
    head, *parts = documents
    await positions.replace_one({"_id": POSITION_ID}, head, session=session)
    await positions.delete_many(
        {"_id": {"$in": _part_ids(await stored_positions(database, session))}}, session=session
    )
    if parts:
        await positions.insert_many(parts, session=session)


def _part_ids(documents: Sequence[Document]) -> list[Any]:
    return [document["_id"] for document in documents[1:]]
