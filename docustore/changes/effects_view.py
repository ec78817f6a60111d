"""The effects as people and programs see them: state, progress and lag."""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from docustore.changes.committed import committed_seq
from docustore.changes.derived.derivation import Derivations
from docustore.changes.effects.effect import Effects
from docustore.database import Database
from docustore.effect_states import BuildState, EffectState, load_effect_states
from docustore.errors import NotFoundError
from docustore.history.models import HISTORY
from docustore.users.stored import USERS


class EffectView(msgspec.Struct, frozen=True):
    """One effect of the changes.

    `kind` is `immediate` for an effect that is written with the position, `derived` for one that follows
    history. `version` is that of this docustore, `live_version` the one that was complete last. While `building`,
    `users` of about `users_of` are built, and the last complete version is read if there is one. `lag_s` is the
    age, in seconds, of the oldest change that a derived effect does not hold: 0 if there is none. `failures`
    counts how often the result of a user could not be made since the last build began. `error` says why the effect
    is `failed`.
    """

    name: str
    kind: Literal["immediate", "derived"]
    state: BuildState
    version: int
    live_version: int | None
    users: int | None
    users_of: int | None
    seq: int | None
    lag_s: float | None
    built_at: datetime | None
    failures: int
    error: str | None
    owner: str | None


async def list_effects(database: Database, effects: Effects, derived: Derivations) -> list[EffectView]:
    """List every effect, in the order of the registry."""
    states, committed = await load_effect_states(database), await committed_seq(database)
    total = await database[USERS].estimated_document_count()
    found = [_immediate(effect.name, effect.version, states.get(effect.name)) for effect in effects]
    for each in derived:
        state = states.get(each.name) or EffectState(
            name=each.name, version=each.version, state=BuildState.BUILDING, seq=committed
        )
        lag_s = await _lag_s(database, state.seq, committed)
        found.append(_derived(each.version, state, lag_s=lag_s, total=total))
    return found


async def find_effect(database: Database, effects: Effects, derived: Derivations, name: str) -> EffectView:
    """Read one effect.

    Raises:
        NotFoundError: There is no such effect.
    """
    for each in await list_effects(database, effects, derived):
        if each.name == name:
            return each
    raise NotFoundError(kind="effect", id=name)


def _immediate(name: str, version: int, state: EffectState | None) -> EffectView:
    is_live = state is not None and state.is_live and state.version == version
    return EffectView(
        name=name,
        kind="immediate",
        state=BuildState.LIVE if is_live else BuildState.BUILDING,
        version=version,
        live_version=None if state is None else state.live_version,
        users=None,
        users_of=None,
        seq=None,
        lag_s=None,
        built_at=None if state is None else state.built_at,
        failures=0,
        error=None,
        owner=None,
    )


def _derived(version: int, state: EffectState, *, lag_s: float, total: int) -> EffectView:
    is_current = state.version == version
    return EffectView(
        name=state.name,
        kind="derived",
        state=state.state if is_current else BuildState.BUILDING,
        version=version,
        live_version=state.live_version,
        users=None if state.build is None else state.build.users,
        users_of=None if state.build is None else total,
        seq=state.seq,
        lag_s=lag_s,
        built_at=state.built_at,
        failures=state.failures,
        error=state.error,
        owner=state.owner,
    )


async def _lag_s(database: Database, seq: int, committed: int) -> float:
    if seq >= committed:
        return 0.0
    row = await database[HISTORY].find_one({"_id": {"$gt": seq}}, {"valid_from": 1}, sort=[("_id", 1)])
    # At least a millisecond: with a waiting change the effect is not current.
    return 0.0 if row is None else max((datetime.now(UTC) - row["valid_from"]).total_seconds(), 0.001)
