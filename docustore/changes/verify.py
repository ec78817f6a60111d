"""Check every effect against the collection, user by user; repair it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from bson.timestamp import Timestamp

from docustore.audit.log import record
from docustore.changes.comparison import Comparison, absent_users, boundary_of, read_chunk, recorded_user_ids
from docustore.changes.control import ResetTo, reset
from docustore.changes.derived.check import derived_difference
from docustore.changes.derived.derivation import Derivations, DerivedEffect
from docustore.changes.effects.check import differences
from docustore.changes.effects.effect import Effects
from docustore.changes.effects_control import rebuild_effect
from docustore.changes.images import recorded_states
from docustore.changes.numbers import reaches_of
from docustore.changes.position import (
    POSITION_ID,
    POSITIONS,
    ListenerState,
    Partition,
    partitions_of,
    position_of,
)
from docustore.config import Settings
from docustore.database import Database, Document
from docustore.users.partition import is_in

_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The result of a check: `differences` are sentences, empty when all is right.

    `derived` names the derived effects among them; a rebuild repairs these. `users` counts the compared users.
    `is_complete` is False where the listener had a backlog or a snapshot in progress, so that no single state
    could be compared.
    """

    differences: list[str]
    users: int
    is_complete: bool
    derived: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Instant:
    """The users of a partition, all where it is None, and a time."""

    cluster_time: Timestamp
    partition: Partition | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """The rows up to `seq` are the users as of the instants."""

    seq: int
    instants: list[_Instant]


async def verify(
    database: Database, effects: Effects, derived: Sequence[DerivedEffect] = (), *, timeout_s: float = 10.0
) -> Verification:
    """Compare every effect and every user, as of one cluster time.

    With partitions, that is a time for each of them. A user is compared with its last row. Correct while writers
    and the listener work. Reads everything, changes nothing.

    Args:
        timeout_s: The longest wait for a position that belongs to one cluster time.
    """
    state = await _exact_state(database, timeout_s=timeout_s)
    if state is None:
        return Verification(differences=[], users=0, is_complete=False)
    found = await differences(database, effects, timeout_s=timeout_s)
    users, differing = 0, 0
    for instant in state.instants:
        compared, different = await _compare(database, instant, seq=state.seq)
        users, differing = users + compared, differing + different
    if differing:
        found.append(f"{differing} users differ from their last row of history")
    wrong = {effect.name: await derived_difference(database, effect) for effect in derived}
    sentences = {name: sentence for name, sentence in wrong.items() if sentence is not None}
    return Verification(
        differences=[*found, *sentences.values()], users=users, is_complete=True, derived=tuple(sentences)
    )


async def verify_and_repair(  # each one is a choice of the caller
    database: Database,
    effects: Effects,
    derived: Derivations,
    settings: Settings,
    *,
    repair: bool,
    actor: str,
    timeout_s: float = 10.0,
) -> tuple[Verification, bool]:
    """Compare every effect with every user, and start the repair on request; audited.

    Returns:
        What was found, and whether a repair was started.
    """
    found = await verify(database, effects, [effect(settings) for effect in derived], timeout_s=timeout_s)
    is_repaired = repair and bool(found.differences)
    await record(
        database,
        actor=actor,
        action="changes.verify",
        target=f"{POSITIONS}/{POSITION_ID}",
        after={"differences": len(found.differences), "repaired": is_repaired},
    )
    if is_repaired:
        await start_repair(database, found, effects, derived, actor=actor)
    return found, is_repaired


async def start_repair(
    database: Database, found: Verification, effects: Effects, derived: Derivations, *, actor: str
) -> None:
    """Start what repairs the differences.

    A snapshot records what differs in history and rebuilds the marts. A derived effect is rebuilt alone.
    """
    if len(found.differences) > len(found.derived):
        await reset(database, ResetTo.SNAPSHOT, actor=actor, action="changes.repair")
    for name in found.derived:
        await rebuild_effect(database, name, actor=actor, effects=effects, derived=derived)


async def _compare(database: Database, instant: _Instant, *, seq: int) -> tuple[int, int]:
    at, partition = instant.cluster_time, instant.partition
    users, differing, after = 0, 0, None
    comparison = Comparison(cluster_time=at, numbers=count())
    own = None if partition is None else is_in("$_id", index=partition.index, of=partition.of)
    while chunk := await read_chunk(database, at, after=after, own=own):
        recorded = await recorded_states(database, [user["_id"] for user in chunk], up_to=seq)
        differing += len(list(comparison.changed(chunk, recorded)))
        users, after = users + len(chunk), boundary_of(chunk[-1])
    async for user_ids in recorded_user_ids(database, partition=partition):
        absent = await absent_users(database, at, user_ids)
        recorded = await recorded_states(database, absent, up_to=seq) if absent else {}
        differing += len(list(comparison.all_deleted(absent, recorded)))
    return users, differing


async def _exact_state(database: Database, *, timeout_s: float) -> _State | None:
    deadline = time.monotonic() + timeout_s
    while True:
        # One document, so the number of the last row belongs to the times.
        document = await database[POSITIONS].find_one({"_id": POSITION_ID})
        instants = None if document is None else _instants(document)
        if document is not None and instants is not None:
            return _State(seq=document["seq"], instants=instants)
        if document is None or time.monotonic() >= deadline:
            return None
        await asyncio.sleep(_POLL_S)


def _instants(document: Document) -> list[_Instant] | None:
    """Return the times of history; None while a part of it has no single one."""
    of = partitions_of(document)
    if of > 1:
        reaches = reaches_of(document)
        if not all(reach.is_exact for reach in reaches):
            return None
        return [
            _Instant(cluster_time=reach.cluster_time, partition=Partition(index=index, of=of))
            for index, reach in enumerate(reaches)
        ]
    position = position_of(document)
    is_exact = position.state is ListenerState.STREAMING and position.is_exact
    if not is_exact or position.cluster_time is None:
        return None
    return [_Instant(cluster_time=position.cluster_time, partition=None)]
