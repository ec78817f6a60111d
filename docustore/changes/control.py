"""Steer the listener while it runs.

The commands pause, resume, seek, reset and close dead letters. A command changes the position in one transaction
and takes the lease away: the fence grows. The listener finds itself fenced, loads the position again and continues
from it. So a command needs no listener, and no restart. The audit entry and the gap belong to the same
transaction.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import structlog
from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.audit.log import record
from docustore.changes.dead_letters import LETTERS, OPEN_STATES, LetterState
from docustore.changes.effects.building import mark_building, restart_derived
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.events import just_after
from docustore.changes.gaps import GAPS, gap_id_of, open_gap
from docustore.changes.layout import end_transactions, unite_in
from docustore.changes.position import (
    OWNED_POSITIONS,
    POSITION_ID,
    POSITIONS,
    ListenerState,
    Position,
    Snapshot,
    ensure_position,
    position_of,
    stored_snapshot,
)
from docustore.changes.seeking import reachable
from docustore.cluster_time import last_applied
from docustore.database import Database, Document, in_transaction
from docustore.errors import NotFoundError
from docustore.users.stored import USERS

log = structlog.get_logger()

_TARGET: Final = f"{POSITIONS}/{POSITION_ID}"
# The facts of a position that an audit entry shows.
_SHOWN: Final = ("seq", "state", "recoveries", "cluster_time", "paused_at", "paused_by")

Also = Callable[[Position, AsyncClientSession], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The positions that a command changes: one partition, or all.

    With `unites` it changes the one position of all users, which partitions become first.
    """

    partition: int | None = None
    unites: bool = False


ALL: Final = Scope()
UNITED: Final = Scope(unites=True)


class ResetTo(StrEnum):
    """Where a reset continues.

    `snapshot`: compare every user with history first. `now`: leave history as it is.
    """

    SNAPSHOT = "snapshot"
    NOW = "now"


async def pause(database: Database, *, actor: str, partition: int | None = None) -> None:
    """Let the listener rest until `resume`.

    The oplog must reach back to the position by then.

    Args:
        partition: Only this one rests; None for all.

    Raises:
        NotFoundError: There is no such partition.
    """
    await change_control(
        database,
        actor=actor,
        action="changes.pause",
        set_={"paused_at": "$$NOW", "paused_by": _literal(actor)},
        scope=Scope(partition=partition),
    )


async def resume(database: Database, *, actor: str, partition: int | None = None) -> None:
    """Let the listener continue where it paused; see `pause`."""
    await change_control(
        database,
        actor=actor,
        action="changes.resume",
        set_={"paused_at": "$$REMOVE", "paused_by": "$$REMOVE"},
        scope=Scope(partition=partition),
    )


async def reset(database: Database, to: ResetTo, *, actor: str, action: str = "changes.reset") -> str:
    """Leave the position and start anew.

    Return the id of the gap. The way out of every stop. The marts are rebuilt in both cases.
    """
    gap_id = f"{USERS}:reset:{ObjectId()}"

    async def record_gap(position: Position, session: AsyncClientSession) -> None:
        await open_gap(
            database, position, gap_id=gap_id, reason="reset", code=None, policy=to.value, session=session
        )
        if position.snapshot is not None and position.snapshot.gap_id is not None:
            # The new snapshot also ends what the interrupted one was for.
            await _supersede_gap(database, gap_id_of(position), gap_id, session)

    snapshot = Snapshot(gap_id=gap_id, compares=to is ResetTo.SNAPSHOT)
    assignments = {
        "state": ListenerState.SNAPSHOTTING.value,
        "snapshot": _literal(stored_snapshot(snapshot)),
        "recoveries": 0,
        "last_error": "$$REMOVE",
    }
    await change_control(database, actor=actor, action=action, set_=assignments, also=record_gap, scope=UNITED)
    return gap_id


async def seek(database: Database, to: datetime, *, actor: str) -> str:
    """Skip the changes up to a time and rebuild the marts as of it.

    Return the id of the gap.

    Raises:
        InvalidInputError: The time is before the position, in the future, or older than the server's past states.
    """
    at = await reachable(database, int(to.timestamp()))
    gap_id = f"{USERS}:seek:{ObjectId()}"

    async def record_gap(position: Position, session: AsyncClientSession) -> None:
        await open_gap(database, position, gap_id=gap_id, reason="seek", code=None, policy="seek", session=session)

    assignments = {
        "state": ListenerState.SNAPSHOTTING.value,
        "snapshot": _literal(stored_snapshot(Snapshot(is_begun=True, compares=False, gap_id=gap_id))),
        "token": "$$REMOVE",
        "start_at": _literal(just_after(at)),
        "cluster_time": _literal(at),
        "is_exact": True,
        "floors": "$$REMOVE",
        "recoveries": 0,
        "last_error": "$$REMOVE",
    }
    await change_control(
        database, actor=actor, action="changes.seek", set_=assignments, also=record_gap, scope=UNITED
    )
    return gap_id


async def replay_letter(database: Database, letter_id: str, *, actor: str) -> None:
    """Release a failed letter.

    The listener applies it, and the held ones after it, at once.

    Raises:
        NotFoundError: No letter with this id waits for a decision.
    """
    await _close_letter(database, letter_id, (LetterState.FAILED,), LetterState.REQUESTED, actor=actor)


async def skip_letter(database: Database, letter_id: str, *, actor: str) -> None:
    """Give a letter up, so that its change is missing in history.

    The next letter of its user follows. The marts and the derived effects are rebuilt: no row tells them of the
    change.

    Raises:
        NotFoundError: No letter with this id is open.
    """
    open_states = (*OPEN_STATES, LetterState.FOREIGN)
    await _close_letter(database, letter_id, open_states, LetterState.SKIPPED, actor=actor)


async def change_control(
    database: Database,
    *,
    actor: str,
    action: str,
    set_: Mapping[str, Any],
    target: str = _TARGET,
    also: Also | None = None,
    scope: Scope = ALL,
) -> None:
    """Change the positions and take their leases away, in one transaction.

    The audit entry belongs to it.

    Raises:
        NotFoundError: There is no such partition.
    """
    await ensure_position(database)
    await end_transactions(database)
    now = await last_applied(database)
    taken = {
        "fence": {"$add": ["$fence", 1]},
        "owner": None,
        "session": None,
        "lease_expires_at": "$$NOW",
        **set_,
    }

    partition = scope.partition
    shown = POSITION_ID if partition is None else f"{POSITION_ID}:{partition}"

    async def write(session: AsyncClientSession) -> None:
        if scope.unites:
            await unite_in(database, session, now=now)
        before = await database[POSITIONS].find_one({"_id": shown}, session=session)
        if before is None:
            raise NotFoundError(kind="position", id=shown)
        if partition is None and "partitions" in before and set_:
            # For what a reader of all partitions sees; its lease stays out of reach.
            await database[POSITIONS].update_one({"_id": POSITION_ID}, [{"$set": set_}], session=session)
        owned = OWNED_POSITIONS if partition is None else {"_id": shown}
        await database[POSITIONS].update_many(owned, [{"$set": taken}], session=session)
        if also is not None:
            await also(position_of(before), session)
        after = await database[POSITIONS].find_one({"_id": shown}, session=session)
        await record(
            database,
            actor=actor,
            action=action,
            target=target if partition is None else f"{POSITIONS}/{shown}",
            before=_shown(before),
            after=_shown(after or {}),
            session=session,
        )

    await in_transaction(database, write)
    log.warning("listener.controlled", action=action, actor=actor, target=target)


async def _close_letter(
    database: Database,
    letter_id: str,
    states: tuple[LetterState, ...],
    state: LetterState,
    *,
    actor: str,
) -> None:
    async def close(position: Position, session: AsyncClientSession) -> None:
        result = await database[LETTERS].update_one(
            {"_id": letter_id, "state": {"$in": list(states)}}, {"$set": {"state": state.value}}, session=session
        )
        if state is LetterState.SKIPPED:
            await mark_building(database, EFFECTS, session)
            await restart_derived(database, position.seq, session, still_serves=True)
        if result.matched_count == 0:
            waiting = " or ".join(states)
            raise NotFoundError(kind=f"{waiting} dead letter", id=letter_id)

    action = "dead_letters.skip" if state is LetterState.SKIPPED else "dead_letters.replay"
    await change_control(
        database, actor=actor, action=action, set_={}, target=f"{LETTERS}/{letter_id}", also=close
    )


async def _supersede_gap(database: Database, old_id: str, new_id: str, session: AsyncClientSession) -> None:
    await database[GAPS].update_one(
        {"_id": old_id, "closed_at": None},
        [{"$set": {"continued_by": new_id, "closed_at": "$$NOW"}}],
        session=session,
    )


def _literal(value: Any) -> Document:
    return {"$literal": value}


def _shown(document: Document) -> Document:
    return {name: document.get(name) for name in _SHOWN}
