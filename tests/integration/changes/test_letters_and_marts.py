"""Marts and derived effects are right again once the dead letters are closed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from docustore.analytics.reconcile import reconcile
from docustore.changes import control
from docustore.changes.dead_letters import LETTERS
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.effects_control import rebuild_effect
from docustore.changes.status import change_status, wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from docustore.users.search_index import USER_SEARCH
from tests.listening import following, listening, make_user
from tests.searching import until_searchable
from tests.waiting import until

ACTOR = "cli:ada"


def _set(**fields: Any) -> dict[str, Any]:
    return {"$set": fields, "$inc": {"version": 1}}


async def _with_a_letter(database: Database, settings: Settings) -> dict[str, Any]:
    """Make two recorded users; an update of one is a dead letter."""
    user = make_user()
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_many([user, make_user()])
        await wait_until_applied(database)
        return await _fail(database, user, status="inactive")


async def _fail(database: Database, user: dict[str, Any], **changed: Any) -> dict[str, Any]:
    await database.command({"collMod": "user_history", "validator": {"user_id": {"$ne": user["_id"]}}})
    await database["users"].update_one({"_id": user["_id"]}, _set(**changed))
    await wait_until_applied(database)
    await database.command({"collMod": "user_history", "validator": {}})
    letter = await database[LETTERS].find_one({"state": "failed"})
    assert letter is not None
    return letter


async def _are_closed(database: Database) -> bool:
    return (await change_status(database)).dead_letters == 0


async def _is_live(database: Database) -> bool:
    return await database[EFFECT_STATES].find_one({"_id": "user_stats", "state": "live"}) is not None


async def test_skipped_change_is_in_the_marts(database: Database, settings: Settings) -> None:
    """The next change of the user starts from a state that history lacks."""
    letter = await _with_a_letter(database, settings)

    await control.skip_letter(database, letter["_id"], actor=ACTOR)
    async with following(database, settings):
        await wait_until_applied(database)
        await until(lambda: _is_live(database))
        await database["users"].update_many({}, _set(status="suspended"))
        await wait_until_applied(database)

    assert (await reconcile(database)).figures == {}


async def test_skipped_change_is_in_the_derived_effects(database: Database, settings: Settings) -> None:
    """No row names the user: only a rebuild shows its present name to searches."""
    user = make_user()
    async with listening(database, settings):
        await database["users"].insert_one(user)
        await until_searchable(database)
        letter = await _fail(database, user, last_name="Skipworth")
        await until_searchable(database)

        await control.skip_letter(database, letter["_id"], actor=ACTOR)
        await until_searchable(database)

    assert await database[USER_SEARCH].count_documents({"words": "skipworth"}) == 1


async def test_replay_after_a_rebuild_counts_once(database: Database, settings: Settings) -> None:
    """The rebuilt marts have the change of the letter already."""
    letter = await _with_a_letter(database, settings)
    async with following(database, settings):
        await wait_until_applied(database)
        await rebuild_effect(database, "user_stats", actor=ACTOR, effects=EFFECTS, derived=())
        await until(lambda: _is_live(database))
        # A later change of the same user is held, and the marts do not have it.
        await database["users"].update_many({}, _set(status="suspended"))
        await wait_until_applied(database)
        await control.replay_letter(database, letter["_id"], actor=ACTOR)
        await until(lambda: _are_closed(database))
        await wait_until_applied(database)

    assert (await reconcile(database)).figures == {}


async def test_replay_after_a_seek_counts_once(database: Database, settings: Settings) -> None:
    letter = await _with_a_letter(database, settings)

    async def is_later() -> bool:
        await database["filling"].insert_one({})
        now = (await database.command("ping"))["operationTime"]
        return bool(now.time > to.timestamp())

    to = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    await until(is_later)
    await control.seek(database, to, actor=ACTOR)
    async with following(database, settings):
        await wait_until_applied(database)
        await control.replay_letter(database, letter["_id"], actor=ACTOR)
        await until(lambda: _are_closed(database))
        await wait_until_applied(database)

    assert (await reconcile(database)).figures == {}
