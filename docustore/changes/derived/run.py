"""Keep the derived effects beside the listener: claim, step, rest, retry.

A failure of a derived effect never stops the listener. A transient one is retried from the stored state. One that
every user would meet makes the effect `failed`; a rebuild starts it again.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from docustore.changes.committed import committed_seq
from docustore.changes.derived.claim import Claim, claim, release, renew
from docustore.changes.derived.derivation import Derivations, DerivedEffect
from docustore.changes.derived.keeper import ROWS_A_STEP, Keeper
from docustore.changes.derived.pace import Pace
from docustore.changes.lease import owner_name, pause
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES, BuildState
from docustore.errors import DocustoreError, ListenerFencedError

log = structlog.get_logger()

# How soon a change is met after the listener has committed it; one small read each.
POLL_S: Final = 0.1
# How soon a free effect is taken.
STANDBY_POLL_S: Final = 0.5
RETRY_S: Final = 2.0


@asynccontextmanager
async def derived_effects(
    database: Database, effects: Derivations, settings: Settings, *, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Keep the effects during the block.

    When stopped, a step is finished and the effects are given back. A block that fails ends them at once.
    """
    turn = asyncio.Lock()
    tasks = [
        asyncio.create_task(_keep_forever(database, effect, settings, turn=turn, stop=stop)) for effect in effects
    ]
    try:
        yield
    finally:
        if not stop.is_set():
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_forever(
    database: Database, effect: type[DerivedEffect], settings: Settings, *, turn: asyncio.Lock, stop: asyncio.Event
) -> None:
    owner = owner_name()
    while not stop.is_set():
        try:
            if not await _keep(database, effect(settings), settings, owner=owner, turn=turn, stop=stop):
                await pause(STANDBY_POLL_S, stop)
        except ListenerFencedError as exc:
            log.info("effect.taken_over", effect=effect.name, reason=str(exc))
        except PyMongoError as exc:
            log.warning("effect.interrupted", effect=effect.name, error=type(exc).__name__, retry_in_s=RETRY_S)
            await pause(RETRY_S, stop)


async def _keep(
    database: Database,
    effect: DerivedEffect,
    settings: Settings,
    *,
    owner: str,
    turn: asyncio.Lock,
    stop: asyncio.Event,
) -> bool:
    async with database.client.start_session() as session:
        taken = await claim(
            database, effect, owner=owner, lease_s=settings.changes_lease_s, session_id=session.session_id
        )
        if taken is None:
            return False
        held, state = taken
        keeper = Keeper(database=database, session=session, effect=effect, held=held, state=state)
        log.info("effect.taken", effect=effect.name, state=state.state.value, seq=state.seq)
        try:
            await _work(keeper, turn, stop)
        except (ListenerFencedError, PyMongoError):
            raise
        except Exception as exc:
            log.exception("effect.failed", effect=effect.name)
            await _note_failure(database, held, exc)
        finally:
            await release(database, held)
        return True


async def _work(keeper: Keeper, turn: asyncio.Lock, stop: asyncio.Event) -> None:
    pace, renewed_at = Pace(), time.monotonic()
    while not stop.is_set():
        started, seq = time.monotonic(), keeper.state.seq
        committed = await committed_seq(keeper.database)
        pace.note(committed, now=started)
        worked_s = None if pace.must_wait(now=started) else await _step(keeper, turn, committed=committed)
        if worked_s is None:
            if started - renewed_at > keeper.held.lease_ms / 3000:
                await renew(keeper.database, keeper.held)
                renewed_at = started
            await pause(POLL_S, stop)
            continue
        is_behind = keeper.state.seq - seq >= ROWS_A_STEP
        is_building = keeper.state.build is not None
        await pause(pace.rest_s(worked_s=worked_s, is_building=is_building, is_behind=is_behind), stop)


async def _step(keeper: Keeper, turn: asyncio.Lock, *, committed: int) -> float | None:
    """Make one step in the turn of this effect.

    Return its seconds, None if there was nothing to do.

    The effects of a process take turns: the steps of all at once would delay the listener for longer.
    """
    async with turn:
        started = time.monotonic()
        return time.monotonic() - started if await keeper.step(committed=committed) else None


async def _note_failure(database: Database, held: Claim, error: Exception) -> None:
    # The text of a foreign error may quote a user.
    reason = str(error) if isinstance(error, DocustoreError) else type(error).__name__
    # It misses the changes from now on.
    failed = {"state": BuildState.FAILED.value, "live_version": None, "error": reason}
    await database[EFFECT_STATES].update_one({"_id": held.name, "fence": held.fence}, {"$set": failed})
