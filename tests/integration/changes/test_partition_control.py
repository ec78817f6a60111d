"""Levers of the listener while the users are divided."""

import pytest

from docustore.changes import control
from docustore.changes.control import ResetTo
from docustore.changes.dead_letters import LETTERS
from docustore.changes.effects.marts import UserMartsEffect
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.effects_control import rebuild_effect
from docustore.changes.status import change_status, wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import NotFoundError
from tests.integration.changes.partitions import ACTOR, has_applied, setting, until_owned, wanting
from tests.listening import assert_consistent, following, history_of, make_user
from tests.waiting import until


async def test_paused_partition_rests_alone(database: Database, settings: Settings) -> None:
    async with following(database, wanting(settings, 2)):
        await until_owned(database, 2)
        await control.pause(database, actor=ACTOR, partition=1)
        await until_owned(database, 2)
        await database["users"].insert_many([make_user() for _ in range(100)])
        await until(lambda: has_applied(database, 1))
        status = await change_status(database)
        assert [part.state for part in status.partitions] == ["streaming", "paused"]
        assert status.state == "paused"

        await control.resume(database, actor=ACTOR, partition=1)
        await wait_until_applied(database)
        with pytest.raises(NotFoundError):
            await control.pause(database, actor=ACTOR, partition=2)

    assert len(await history_of(database)) == 100
    await assert_consistent(database)


async def test_reset_concerns_all_users(database: Database, settings: Settings) -> None:
    """They are compared as one, then divided again."""
    async with following(database, wanting(settings, 2)):
        await until_owned(database, 2)
        await database["users"].insert_many([make_user() for _ in range(10)])
        await wait_until_applied(database)
        await database["user_stats"].update_one({"_id": "users"}, {"$inc": {"total": 1}})

        await control.reset(database, ResetTo.SNAPSHOT, actor=ACTOR)
        await until(lambda: database["change_gaps"].find_one({"closed_at": {"$exists": True}}))
        await until_owned(database, 2)
        await wait_until_applied(database)

    assert len(await history_of(database)) == 10
    await assert_consistent(database)


async def test_effect_is_built_as_one(database: Database, settings: Settings) -> None:
    """A state of all users at one time needs one position; then they are divided again."""
    async with following(database, wanting(settings, 2)):
        await until_owned(database, 2)
        await database["users"].insert_many([make_user() for _ in range(10)])
        await wait_until_applied(database)
        await database["user_stats"].update_one({"_id": "users"}, {"$inc": {"total": 1}})

        await rebuild_effect(database, UserMartsEffect.name, actor=ACTOR, effects=EFFECTS, derived=())
        await until(lambda: _has_total(database, 10))
        await until_owned(database, 2)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)

    await assert_consistent(database)


async def _has_total(database: Database, users: int) -> bool:
    totals = await database["user_stats"].find_one({"_id": "users"})
    return totals is not None and totals["total"] == users


async def test_letter_is_replayed_by_its_partition(database: Database, settings: Settings) -> None:
    """Later changes of its user wait; other users go on."""
    users = [make_user() for _ in range(8)]
    async with following(database, wanting(settings, 2)):
        await until_owned(database, 2)
        await database["users"].insert_many(users)
        await wait_until_applied(database)
        await database.command({"collMod": "user_history", "validator": {"after.status": {"$ne": "suspended"}}})
        await database["users"].update_many({}, setting(status="suspended"))
        await database["users"].update_many({}, setting(status="inactive"))
        await wait_until_applied(database)
        await database.command({"collMod": "user_history", "validator": {}})
        letters = await database[LETTERS].find({"state": "failed"}).to_list()
        assert len(letters) == len(users)
        for letter in letters:
            await control.replay_letter(database, letter["_id"], actor=ACTOR)
        await until(lambda: _has_no_open_letters(database))
        await database["users"].update_many({}, setting(status="active"))
        await wait_until_applied(database)

    assert len(await history_of(database)) == 4 * len(users)
    await assert_consistent(database)


async def _has_no_open_letters(database: Database) -> bool:
    return (await change_status(database)).dead_letters == 0
