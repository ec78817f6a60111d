"""Start the rebuild of an effect, with its audit entry in one transaction."""

from typing import Any, Final

import structlog
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.audit.log import record
from docustore.changes.committed import committed_seq
from docustore.changes.control import change_control
from docustore.changes.derived.claim import fresh_build
from docustore.changes.derived.derivation import Derivations, DerivedEffect
from docustore.changes.effects.building import mark_building
from docustore.changes.effects.effect import Effect, Effects
from docustore.changes.lease import end_transaction
from docustore.changes.position import Position
from docustore.database import Database, Document, in_transaction
from docustore.effect_states import EFFECT_STATES
from docustore.errors import FieldError, InvalidInputError, NotFoundError

log = structlog.get_logger()

ACTION: Final = "effects.rebuild"
# The facts of a state that an audit entry shows.
_SHOWN: Final = ("state", "version", "live_version", "seq", "error")


async def rebuild_effect(
    database: Database, name: str, *, actor: str, effects: Effects, derived: Derivations
) -> None:
    """Build one effect again from `users`, while the stream goes on.

    Needs no restart. The present results are read until the rebuild has ended. It is also the way out of `failed`.

    Raises:
        NotFoundError: There is no such effect.
        InvalidInputError: A snapshot builds this effect.
    """
    for each in derived:
        if each.name == name:
            await _rebuild_derived(database, each, actor=actor)
            return
    for effect in effects:
        if effect.name == name:
            if effect.is_built_by_chunks or not effect.needs_build:
                raise _refused(
                    f"{name} holds what has happened; `changes reset --to snapshot` compares it with users"
                )
            await _rebuild_immediate(database, effect, actor=actor)
            return
    raise NotFoundError(kind="effect", id=name)


async def _rebuild_derived(database: Database, effect: type[DerivedEffect], *, actor: str) -> None:
    held = await database[EFFECT_STATES].find_one({"_id": effect.name, "session": {"$ne": None}}, {"session": 1})
    if held is not None:
        # A frozen keeper would hold the state for a minute.
        await end_transaction(database, held["session"])
    begun = fresh_build(await committed_seq(database), version=effect.version, is_requested=True)

    async def write(session: AsyncClientSession) -> None:
        states = database[EFFECT_STATES]
        before = await states.find_one({"_id": effect.name}, session=session)
        # The lease ends: a living keeper takes the effect again at once.
        taken: dict[str, Any] = {"owner": None, "session": None, "is_derived": True, **begun}
        await states.update_one(
            {"_id": effect.name},
            {"$set": taken, "$unset": {"lease_expires_at": ""}, "$inc": {"fence": 1}},
            upsert=True,
            session=session,
        )
        await record(
            database,
            actor=actor,
            action=ACTION,
            target=f"{EFFECT_STATES}/{effect.name}",
            before=_shown(before),
            after=_shown({**(before or {}), **begun, "seq": int(begun["seq"])}),
            session=session,
        )

    await in_transaction(database, write)
    log.warning("effect.rebuild_requested", effect=effect.name, actor=actor)


async def _rebuild_immediate(database: Database, effect: type[Effect], *, actor: str) -> None:
    async def mark(_position: Position, session: AsyncClientSession) -> None:
        await mark_building(database, (effect,), session)

    # Takes the lease of the position: the listener loads what it has to build.
    await change_control(
        database, actor=actor, action=ACTION, set_={}, target=f"{EFFECT_STATES}/{effect.name}", also=mark
    )


def _refused(problem: str) -> InvalidInputError:
    return InvalidInputError((FieldError(pointer="/name", code="not_rebuildable", detail=problem),))


def _shown(document: Document | None) -> Document | None:
    return None if document is None else {name: document.get(name) for name in _SHOWN}
