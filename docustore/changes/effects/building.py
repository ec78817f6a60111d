"""Build effects in a store that has a position already.

They are those that are written with the position. An effect without a live state of its version gets no changes.
The listener follows the stream to an exact position of the present, rebuilds the effect as of it, and marks it
live in one transaction. From then on the effect gets every change. No change is skipped, and history is not
touched. A snapshot builds all effects at its end.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from bson.int64 import Int64
from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from docustore.changes.apply import Writer, commit
from docustore.changes.dead_letters import has_open_letters, note_rebuild
from docustore.changes.effects.batch import BatchEffects
from docustore.changes.effects.effect import Effect, Effects, Rebuild, Rebuilt
from docustore.changes.position import ListenerState, Position
from docustore.database import Database
from docustore.effect_states import (
    EFFECT_STATES,
    Build,
    BuildState,
    EffectState,
    load_effect_states,
    stored_build,
)
from docustore.errors import SnapshotExpiredError
from docustore.transient import SNAPSHOT_TOO_OLD

log = structlog.get_logger()

# A state this much older than the present may have expired before it was read; a new one is chosen.
FRESH_STATE_S: Final = 5.0


class EffectBuilding:
    """What one listener has to build; `ready` are the effects that get changes."""

    def __init__(self, writer: Writer, effects: Effects, pending: Effects) -> None:
        self._writer = writer
        self._effects = effects
        self._pending = pending

    @property
    def ready(self) -> Effects:
        """The effects that hold the state of the position."""
        return tuple(effect for effect in self._effects if effect not in self._pending)

    @property
    def is_done(self) -> bool:
        """Tell whether every effect is live."""
        return not self._pending

    def note_snapshot(self) -> None:
        """Note that a snapshot has built every effect."""
        self._pending = ()

    async def build(self, position: Position) -> Position:
        """Rebuild the pending effects as of an exact position.

        Return the position after it.
        Does nothing in a snapshot. If the state of the position has expired, the effects stay pending.

        Raises:
            SnapshotExpiredError: The rebuild takes longer than the server keeps a state.
            ListenerFencedError: Another listener took over.
        """
        at = position.cluster_time
        if not self._pending or position.state is not ListenerState.STREAMING or at is None:
            return position
        database = self._writer.database
        # A replay leaves either all effects alone that are built so, or none.
        has_letters = await has_open_letters(database)
        building = tuple(filter(_is_buildable, self._effects)) if has_letters else self._pending
        try:
            rebuilt = await rebuilt_effects(building, Rebuild(database=database, cluster_time=at))
        except OperationFailure as exc:
            if exc.code != SNAPSHOT_TOO_OLD:
                raise
            return position
        batch = BatchEffects((), seq=position.seq)
        stamp = batch.stamp(position)

        async def also(session: AsyncClientSession) -> None:
            for each in rebuilt:
                await each.write(database, stamp, session)
            await mark_live(database, building, session)
            await note_rebuild(database, session)

        position = await commit(self._writer, position, position, effects=batch, also=also)
        log.info("listener.effects_built", effects=[effect.name for effect in building])
        self._pending = ()
        return position


async def unbuilt(database: Database, effects: Effects) -> Effects:
    """Select the effects to build.

    They are new ones, new versions, and those that a person has chosen.
    The effects that are built by chunks are always followed: a snapshot has built them.
    """
    states = await load_effect_states(database)
    return tuple(e for e in filter(_is_buildable, effects) if not _is_live(e, states.get(e.name)))


async def mark_building(database: Database, effects: Iterable[type[Effect]], session: AsyncClientSession) -> None:
    """Let the listener build effects again when it next takes the lease."""
    for effect in filter(_is_buildable, effects):
        await database[EFFECT_STATES].update_one(
            {"_id": effect.name},
            {"$set": {"state": BuildState.BUILDING.value, "version": effect.version}},
            upsert=True,
            session=session,
        )


async def mark_live(database: Database, effects: Iterable[type[Effect]], session: AsyncClientSession) -> None:
    """Mark effects live in their versions, in the transaction that has built them."""
    now = datetime.now(UTC)
    operations = []
    for effect in effects:
        live = {"state": BuildState.LIVE.value, "version": effect.version, "live_version": effect.version}
        operations.append(UpdateOne({"_id": effect.name}, {"$set": {**live, "built_at": now}}, upsert=True))
    if operations:
        await database[EFFECT_STATES].bulk_write(operations, session=session)


async def restart_derived(
    database: Database, seq: int, session: AsyncClientSession, *, still_serves: bool = False
) -> None:
    """Build every derived effect again: history skipped changes before row `seq` + 1.

    Args:
        still_serves: Only one change was skipped, so the present results are read until the build has ended.
    """
    begun: dict[str, Any] = {
        "state": BuildState.BUILDING.value,
        "seq": Int64(seq),
        "build": stored_build(Build()),
    }
    if not still_serves:
        begun["live_version"] = None
    await database[EFFECT_STATES].update_many(
        {"is_derived": True, "state": {"$ne": BuildState.FAILED.value}},
        {"$set": begun, "$inc": {"fence": 1}},
        session=session,
    )


async def rebuilt_effects(effects: Sequence[type[Effect]], rebuild: Rebuild) -> list[Rebuilt]:
    """Derive effects from `users` as of one cluster time; nothing is written yet.

    Raises:
        SnapshotExpiredError: The state expired while it was read.
        OperationFailure: Code 239, the state had expired before.
    """
    started = time.monotonic()
    try:
        return [await effect.rebuild(rebuild) for effect in effects]
    except OperationFailure as exc:
        if exc.code == SNAPSHOT_TOO_OLD and time.monotonic() - started > FRESH_STATE_S:
            raise SnapshotExpiredError from exc
        raise


def _is_buildable(effect: type[Effect]) -> bool:
    return effect.needs_build and not effect.is_built_by_chunks


def _is_live(effect: type[Effect], state: EffectState | None) -> bool:
    return state is not None and state.is_live and state.version == effect.version
