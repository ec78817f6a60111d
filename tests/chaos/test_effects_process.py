"""The process of the derived effects beside the real listener."""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from docustore.changes.effects.registry import DERIVED
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from tests.chaos.programs import LISTENER, Program, program
from tests.listening import make_user
from tests.waiting import until

NAMES = {effect.name for effect in DERIVED}

pytestmark = [pytest.mark.chaos, pytest.mark.skipif("sys.platform != 'linux'", reason="the process is a fork")]


@pytest.fixture
async def listener(database: Database, settings: Settings, tmp_path: Path) -> AsyncIterator[Program]:
    """A listener whose effects are live."""
    extra = {"DOCUSTORE_CHANGES_LEASE_S": "2"}
    async with program(*LISTENER, settings=settings, log=tmp_path / "listener.log", extra=extra) as running:
        await until(_have_reached(database, 0), what="live effects")
        yield running


def _have_reached(database: Database, seq: int) -> Callable[[], Awaitable[bool]]:
    async def have_reached() -> bool:
        states = [
            state["seq"]
            async for state in database[EFFECT_STATES].find({"_id": {"$in": list(NAMES)}, "state": "live"})
        ]
        return len(states) == len(NAMES) and min(states) >= seq

    return have_reached


def _effects_process(listener: Program) -> psutil.Process:
    (process,) = psutil.Process(listener.pid).children()
    return process


async def _has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


async def test_listener_goes_first(listener: Program) -> None:
    """The effects have a lower priority than history."""
    process = _effects_process(listener)

    assert process.nice() > psutil.Process(listener.pid).nice()


async def test_listener_does_the_work_of_a_killed_process(database: Database, listener: Program) -> None:
    """It says so, and the effects reach the changes of afterwards."""
    _effects_process(listener).kill()
    await database["users"].insert_many([make_user() for _ in range(3)])

    await until(_have_reached(database, 3), what="effects of the changes")

    assert await database["user_search"].count_documents({}) == 3
    assert "listener.effects_process_ended" in listener.output
    assert await listener.stop() == 0


async def test_process_ends_with_a_killed_listener(listener: Program) -> None:
    process = _effects_process(listener)

    await listener.kill()

    await until(lambda: _has_ended(process), what="the end of the effects process")


async def test_stop_ends_both_and_gives_the_effects_back(database: Database, listener: Program) -> None:
    """A signal to the process of the effects alone does not end it."""
    process = _effects_process(listener)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    await database["users"].insert_one(make_user())
    await until(_have_reached(database, 1), what="effects after the signals")

    code = await listener.stop()

    assert code == 0
    assert await _has_ended(process)
    assert "effects_process_ended" not in listener.output
    async for state in database[EFFECT_STATES].find({"_id": {"$in": list(NAMES)}}):
        assert state.get("owner") is None
