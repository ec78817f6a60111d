"""Derived effects: built beside the stream, followed, resumed, rebuilt."""

import asyncio

import pytest
from bson import MaxKey

from docustore.changes import control
from docustore.changes.control import ResetTo
from docustore.changes.derived import reading
from docustore.changes.derived.claim import claim
from docustore.changes.derived.keeper import Keeper
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.effects_control import rebuild_effect
from docustore.changes.effects_view import find_effect
from docustore.changes.listener import listen
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES, BuildState, load_effect_state
from docustore.errors import ListenerFencedError
from tests.integration.changes.initials import (
    CHUNK,
    INITIALS,
    Initials,
    InitialsTwo,
    Picky,
    assert_derived,
    fill,
    keeping,
    until_current,
    without_effect,
)
from tests.listening import make_user
from tests.waiting import until


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK", CHUNK)
    Initials.derived.clear()


async def test_new_effect_is_built_for_an_old_store(database: Database, settings: Settings) -> None:
    await fill(database, 3 * CHUNK)
    await without_effect(database, settings)

    async with keeping(database, settings):
        await until_current(database)

    await assert_derived(database)
    assert await database["change_gaps"].find_one() is None


async def test_every_change_reaches_the_effect(database: Database, settings: Settings) -> None:
    """Also those of clients that do not know docustore."""
    ada, ben, eve = await fill(database, 3)
    async with keeping(database, settings):
        await until_current(database)
        await database["users"].insert_one({"email": "f@example.org", "first_name": "Zoë"})
        await database["users"].update_one({"_id": ada["_id"]}, {"$set": {"first_name": "Xenia"}})
        await database["users"].update_one({"_id": ben["_id"]}, [{"$set": {"deleted_at": "$$NOW"}}])
        await database["users"].delete_one({"_id": eve["_id"]})
        await until_current(database)

    await assert_derived(database)
    assert await database[INITIALS].count_documents({}) == 2


async def test_killed_build_continues(database: Database, settings: Settings) -> None:
    users = await fill(database, 80 * CHUNK)
    await without_effect(database, settings)
    listener = asyncio.create_task(listen(database, settings, stop=asyncio.Event(), derived=(Initials,)))
    await until(lambda: database[EFFECT_STATES].find_one({"build.users": {"$gte": 2 * CHUNK}}))
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)
    state = await load_effect_state(database, INITIALS)
    assert state is not None
    assert state.build is not None
    assert state.build.users < len(users)
    # As after the lease of a killed process.
    await database[EFFECT_STATES].update_one({"_id": INITIALS}, [{"$set": {"lease_expires_at": "$$NOW"}}])
    Initials.derived.clear()

    async with keeping(database, settings):
        await until_current(database)

    assert len(Initials.derived) == len(users) - state.build.users
    await assert_derived(database)


async def test_changes_during_a_rebuild(database: Database, settings: Settings) -> None:
    """Renames, deletions and inserts before, at and beyond the checkpoint."""
    users = await fill(database, 12 * CHUNK)
    async with keeping(database, settings):
        await until_current(database)
        await database[INITIALS].update_many({}, {"$set": {"letter": "?"}})
        await rebuild_effect(database, INITIALS, actor="cli:ada", effects=EFFECTS, derived=(Initials,))
        for number, user in enumerate(users):
            if number % 3 == 0:
                await database["users"].update_one({"_id": user["_id"]}, {"$set": {"first_name": "Renamed"}})
            elif number % 3 == 1:
                await database["users"].delete_one({"_id": user["_id"]})
                await database["users"].insert_one(make_user(first_name="New"))
        await until_current(database)

    await assert_derived(database)


async def test_user_with_the_greatest_id_is_built(database: Database, settings: Settings) -> None:
    """The server never returns it beside a lower bound, and refuses it as one."""
    await database.command({"collMod": "users", "validator": {}})
    await fill(database, CHUNK)
    await database["users"].insert_one(make_user(_id=MaxKey()))

    async with keeping(database, settings):
        await until_current(database)

    assert await database[INITIALS].count_documents({"_id": MaxKey()}) == 1
    assert await database[INITIALS].count_documents({}) == CHUNK + 1


async def test_document_without_a_user_is_removed(database: Database, settings: Settings) -> None:
    await fill(database, CHUNK)
    orphans = [{"_id": f"gone-{n}", "letter": "G"} for n in range(3 * CHUNK)]
    await database[INITIALS].insert_many(orphans)

    async with keeping(database, settings):
        await until_current(database)

    await assert_derived(database)


async def test_rebuild_serves_the_old_results(database: Database, settings: Settings) -> None:
    """A rebuild of the same version writes only what differs."""
    users = await fill(database, 2 * CHUNK)
    async with keeping(database, settings):
        await until_current(database)
    await database[INITIALS].delete_one({"_id": users[0]["_id"]})

    await rebuild_effect(database, INITIALS, actor="cli:ada", effects=EFFECTS, derived=(Initials,))
    view = await find_effect(database, EFFECTS, (Initials,), INITIALS)
    remaining = await database[INITIALS].count_documents({})
    async with keeping(database, settings):
        await until_current(database)

    assert (view.state, view.live_version, remaining) == (BuildState.BUILDING, 1, len(users) - 1)
    await assert_derived(database)
    (entry,) = await database["audit_log"].find({"action": "effects.rebuild"}).to_list()
    assert (entry["actor"], entry["target"]) == ("cli:ada", f"{EFFECT_STATES}/{INITIALS}")


async def test_new_version_is_built(database: Database, settings: Settings) -> None:
    await fill(database, CHUNK)
    async with keeping(database, settings):
        await until_current(database)

    async with keeping(database, settings, InitialsTwo):
        await until(lambda: database[EFFECT_STATES].find_one({"_id": INITIALS, "live_version": 2}))

    await assert_derived(database, version=2)


async def test_older_code_leaves_a_newer_version_alone(database: Database, settings: Settings) -> None:
    await fill(database, CHUNK)
    async with keeping(database, settings, InitialsTwo):
        await until_current(database)

    taken = await claim(database, Initials(settings), owner="old", lease_s=10)

    assert taken is None


async def test_fenced_keeper_writes_nothing(database: Database, settings: Settings) -> None:
    await fill(database, CHUNK)
    await without_effect(database, settings)
    async with database.client.start_session() as session:
        first = await claim(database, Initials(settings), owner="first", lease_s=0)
        assert first is not None
        assert await claim(database, Initials(settings), owner="second", lease_s=10) is not None
        held, state = first
        keeper = Keeper(database=database, session=session, effect=Initials(settings), held=held, state=state)

        with pytest.raises(ListenerFencedError):
            await keeper.step()

    assert await database[INITIALS].find_one() is None


async def test_missing_rows_begin_a_build(database: Database, settings: Settings) -> None:
    """History may be shortened while no listener keeps the effect."""
    users = await fill(database, 2 * CHUNK)
    async with keeping(database, settings):
        await until_current(database)
    await database["users"].update_one({"_id": users[0]["_id"]}, {"$set": {"first_name": "Renamed"}})
    await without_effect(database, settings)
    await database["user_history"].delete_one({"_id": len(users) + 1})

    async with keeping(database, settings):
        await until_current(database)

    await assert_derived(database)


async def test_skipped_changes_begin_a_build(database: Database, settings: Settings) -> None:
    """`reset --to now` leaves changes out of history."""
    users = await fill(database, 2 * CHUNK)
    async with keeping(database, settings):
        await until_current(database)
    await database["users"].update_one({"_id": users[0]["_id"]}, {"$set": {"first_name": "Renamed"}})
    await control.reset(database, ResetTo.NOW, actor="cli:ada")

    async with keeping(database, settings):
        await until_current(database)

    await assert_derived(database)


async def test_user_that_fails_stops_no_other(database: Database, settings: Settings) -> None:
    await fill(database, CHUNK)
    bad = make_user(first_name="Bad")
    await database["users"].insert_one(bad)

    async with keeping(database, settings, Picky):
        await until_current(database)
        view = await find_effect(database, EFFECTS, (Picky,), INITIALS)

    assert view.failures >= 1
    assert (view.state, view.error) == (BuildState.LIVE, None)
    await database["users"].delete_one({"_id": bad["_id"]})
    await assert_derived(database)


async def test_failed_effect_stops_no_listener(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown, and a rebuild is the way out."""
    monkeypatch.setattr(Picky, "refused", "da")
    await fill(database, 30)
    async with keeping(database, settings, Picky):
        await until(lambda: database[EFFECT_STATES].find_one({"_id": INITIALS, "state": "failed"}))
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        view = await find_effect(database, EFFECTS, (Picky,), INITIALS)
        monkeypatch.setattr(Picky, "refused", "Bad")
        await rebuild_effect(database, INITIALS, actor="cli:ada", effects=EFFECTS, derived=(Picky,))
        await until_current(database)

    assert view.error is not None
    await assert_derived(database)
