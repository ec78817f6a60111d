"""One keeper of a derived effect: a lease with a fence, on its own state.

It is independent of the lease of the position, so a standby listener may keep the effect.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import pymongo
import structlog
from bson.int64 import Int64
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from docustore.changes.committed import committed_seq
from docustore.changes.derived.derivation import DerivedEffect
from docustore.changes.lease import end_transaction
from docustore.database import Database
from docustore.effect_states import (
    EFFECT_STATES,
    Build,
    BuildState,
    EffectState,
    effect_state_of,
    stored_build,
)
from docustore.errors import ListenerFencedError
from docustore.lease_time import lease_is_over

log = structlog.get_logger()

RELEASE_TIMEOUT_S: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to write one derived effect, as long as its fence is the stored one."""

    name: str
    fence: int
    lease_ms: int


async def claim(
    database: Database,
    effect: DerivedEffect,
    *,
    owner: str,
    lease_s: float,
    session_id: Mapping[str, Any] | None = None,
) -> tuple[Claim, EffectState] | None:
    """Take the effect if it is free or this owner's.

    Return None if another listener keeps it, if it has failed, or if newer code keeps it. An effect without a
    state of this version and configuration begins its build.
    """
    await _ensure(database, effect)
    lease_ms = int(lease_s * 1000)
    query = {
        "_id": effect.name,
        "$or": [{"version": {"$lt": effect.version}}, {"version": effect.version, "state": {"$ne": "failed"}}],
        "$expr": {"$or": [lease_is_over(lease_s), {"$eq": ["$owner", owner]}]},
    }
    orphaned = await database[EFFECT_STATES].find_one(
        {**query, "session": {"$ne": None}}, {"session": 1, "owner": 1}
    )
    if orphaned is not None and orphaned["owner"] != owner:
        # The transaction of a killed owner would hold the state for a minute. An owner that is alive has ended its
        # own, and its client may use the session for something else.
        await end_transaction(database, orphaned["session"])
    taken = {"fence": {"$add": ["$fence", 1]}, "owner": owner, "session": session_id, **renewal(lease_ms)}
    document = await database[EFFECT_STATES].find_one_and_update(
        query, [{"$set": taken}], return_document=ReturnDocument.AFTER
    )
    if document is None:
        return None
    held = Claim(name=effect.name, fence=document["fence"], lease_ms=lease_ms)
    if document["version"] != effect.version or document.get("configuration", "") != effect.configuration:
        begun = fresh_build(await committed_seq(database), version=effect.version)
        begun["configuration"] = effect.configuration
        document = await database[EFFECT_STATES].find_one_and_update(
            {"_id": effect.name, "fence": held.fence}, {"$set": begun}, return_document=ReturnDocument.AFTER
        )
    if document is None:
        raise taken_over(effect.name)
    return held, effect_state_of(document)


def fresh_build(seq: int, *, version: int, is_requested: bool = False) -> dict[str, Any]:
    """Assign the begin of a build: every user, then the changes after row `seq`.

    Args:
        is_requested: A person has started it.
    """
    return {
        "version": version,
        "state": BuildState.BUILDING.value,
        "seq": Int64(seq),
        "build": stored_build(Build(is_requested=is_requested)),
        "failures": 0,
        "error": None,
    }


def renewal(lease_ms: int) -> dict[str, Any]:
    """Assign the end of the lease by the server's clock."""
    return {"heartbeat_at": "$$NOW", "lease_expires_at": {"$add": ["$$NOW", lease_ms]}}


async def renew(database: Database, held: Claim) -> None:
    """Renew the lease of an idle effect.

    Raises:
        ListenerFencedError: Another listener, or a command, has taken the effect.
    """
    query = {"_id": held.name, "fence": held.fence}
    result = await database[EFFECT_STATES].update_one(query, [{"$set": renewal(held.lease_ms)}])
    if result.matched_count == 0:
        raise taken_over(held.name)


@asynccontextmanager
async def renewing(database: Database, held: Claim) -> AsyncIterator[None]:
    """Renew the lease during a block that writes nothing for long."""

    async def renew_forever() -> None:
        while True:
            await asyncio.sleep(held.lease_ms / 3000)
            # If it fails, the fence refuses the next write.
            with suppress(ListenerFencedError, PyMongoError):
                await renew(database, held)

    task = asyncio.create_task(renew_forever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def release(database: Database, held: Claim) -> None:
    """Give the effect back, so that another listener takes it at once."""
    given_back = {"lease_expires_at": "$$NOW", "owner": None, "session": None}
    try:
        with pymongo.timeout(RELEASE_TIMEOUT_S):
            query = {"_id": held.name, "fence": held.fence}
            await database[EFFECT_STATES].update_one(query, [{"$set": given_back}])
    except PyMongoError as exc:
        log.warning("effect.release_failed", effect=held.name, error=type(exc).__name__)


def taken_over(name: str) -> ListenerFencedError:
    """Make the error of a listener that does not keep the effect any more."""
    return ListenerFencedError(f"another listener or a command has taken the effect {name}; nothing was written")


async def _ensure(database: Database, effect: DerivedEffect) -> None:
    if await database[EFFECT_STATES].find_one({"_id": effect.name}, {"_id": 1}) is not None:
        return
    seq = await committed_seq(database)
    fresh = {**fresh_build(seq, version=effect.version), "is_derived": True, "live_version": None, "fence": 0}
    fresh["configuration"] = effect.configuration
    try:
        await database[EFFECT_STATES].update_one({"_id": effect.name}, {"$setOnInsert": fresh}, upsert=True)
    except DuplicateKeyError:
        return
