"""Check every effect against the collection, user by user; repair it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from docustore.changes.comparison import Comparison, absent_users, boundary_of, read_chunk, recorded_user_ids
from docustore.changes.control import ResetTo, reset
from docustore.changes.derived.check import derived_difference
from docustore.changes.derived.derivation import Derivations, DerivedEffect
from docustore.changes.effects.check import differences
from docustore.changes.effects.effect import Effects
from docustore.changes.effects_control import rebuild_effect
from docustore.changes.images import recorded_states
from docustore.changes.position import POSITION_ID, POSITIONS, ListenerState, Position, position_of
from docustore.database import Database

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


async def verify(
    database: Database, effects: Effects, derived: Sequence[DerivedEffect] = (), *, timeout_s: float = 10.0
) -> Verification:
    """Compare every effect and every user, as of one cluster time.

    A user is compared with its last row. Correct while writers and the listener work. Reads everything, changes
    nothing.

    Args:
        timeout_s: The longest wait for a position that belongs to one cluster time.
    """
    position = await _exact_position(database, timeout_s=timeout_s)
    if position is None:
        return Verification(differences=[], users=0, is_complete=False)
    found = await differences(database, effects, timeout_s=timeout_s)
    users, differing = await _compare(database, position)
    if differing:
        found.append(f"{differing} users differ from their last row of history")
    wrong = {effect.name: await derived_difference(database, effect) for effect in derived}
    sentences = {name: sentence for name, sentence in wrong.items() if sentence is not None}
    return Verification(
        differences=[*found, *sentences.values()], users=users, is_complete=True, derived=tuple(sentences)
    )


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


async def _compare(database: Database, position: Position) -> tuple[int, int]:
    at = position.cluster_time
    if at is None:
        return 0, 0
    users, differing, after = 0, 0, None
    comparison = Comparison(cluster_time=at, numbers=count())
    while chunk := await read_chunk(database, at, after=after):
        recorded = await recorded_states(database, [user["_id"] for user in chunk], up_to=position.seq)
        differing += len(list(comparison.changed(chunk, recorded)))
        users, after = users + len(chunk), boundary_of(chunk[-1])
    async for user_ids in recorded_user_ids(database):
        absent = await absent_users(database, at, user_ids)
        recorded = await recorded_states(database, absent, up_to=position.seq) if absent else {}
        differing += len(list(comparison.all_deleted(absent, recorded)))
    return users, differing


async def _exact_position(database: Database, *, timeout_s: float) -> Position | None:
    deadline = time.monotonic() + timeout_s
    while True:
        document = await database[POSITIONS].find_one({"_id": POSITION_ID})
        position = None if document is None else position_of(document)
        if position is not None and position.state is ListenerState.STREAMING and position.is_exact:
            return position
        if position is None or time.monotonic() >= deadline:
            return None
        await asyncio.sleep(_POLL_S)
