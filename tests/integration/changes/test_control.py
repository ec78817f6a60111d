"""The listener is steered while it runs; each action is on record."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.analytics.reconcile import reconcile
from docustore.changes import control
from docustore.changes.control import ResetTo
from docustore.changes.dead_letters import LETTERS
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.changes.recovery import MAX_RECOVERIES
from docustore.changes.status import change_status, wait_until_applied
from docustore.changes.verify import verify
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import InvalidInputError, NotFoundError
from tests.listening import assert_consistent, following, history_of, make_user
from tests.waiting import until

ACTOR = "cli:ada"


def _set(**fields: Any) -> dict[str, Any]:
    return {"$set": fields, "$inc": {"version": 1}}


async def _actions(database: Database) -> list[tuple[str, str]]:
    entries = await database["audit_log"].find().sort("_id", 1).to_list()
    return [(entry["actor"], entry["action"]) for entry in entries]


async def test_paused_listener_applies_nothing(database: Database, settings: Settings) -> None:
    async def is_resting() -> bool:
        status = await change_status(database)
        return status.owner is not None and status.state == "paused"

    async with following(database, settings):
        await wait_until_applied(database)
        await control.pause(database, actor=ACTOR)
        await until(is_resting)
        await database["users"].insert_one(make_user())
        await until(is_resting)
        assert await history_of(database) == []

        await control.resume(database, actor=ACTOR)
        await wait_until_applied(database)

    assert len(await history_of(database)) == 1
    assert await _actions(database) == [(ACTOR, "changes.pause"), (ACTOR, "changes.resume")]
    await assert_consistent(database)


async def test_reset_is_the_way_out_of_a_recovery_loop(database: Database, settings: Settings) -> None:
    await database["users"].insert_many([make_user() for _ in range(3)])
    async with following(database, settings):
        await wait_until_applied(database)
    wedged = {"recoveries": MAX_RECOVERIES, "token": {"_data": "8200000001000000012B022C0100296E5A1004"}}
    await database[POSITIONS].update_one({"_id": POSITION_ID}, {"$set": wedged, "$unset": {"start_at": 1}})
    await database["users"].insert_one(make_user())

    gap_id = await control.reset(database, ResetTo.SNAPSHOT, actor=ACTOR)
    async with following(database, settings):
        await wait_until_applied(database)

    (gap,) = await database["change_gaps"].find().to_list()
    assert (gap["_id"], gap["reason"], gap["policy"], gap["rows"]) == (gap_id, "reset", "snapshot", 1)
    assert gap["closed_at"] >= gap["detected_at"]
    (entry,) = await database["audit_log"].find().to_list()
    assert (entry["action"], entry["before"]["recoveries"], entry["after"]["recoveries"]) == (
        "changes.reset",
        3,
        0,
    )
    await assert_consistent(database)


async def test_reset_to_now_leaves_history_and_rebuilds_marts(database: Database, settings: Settings) -> None:
    async with following(database, settings):
        await wait_until_applied(database)
    await database["users"].insert_one(make_user())

    await control.reset(database, ResetTo.NOW, actor=ACTOR)
    async with following(database, settings):
        await wait_until_applied(database)

    assert await history_of(database) == []
    assert (await reconcile(database)).is_empty
    (gap,) = await database["change_gaps"].find().to_list()
    assert gap["policy"] == "now"


async def test_reset_of_a_running_listener_needs_no_restart(database: Database, settings: Settings) -> None:
    await database["users"].insert_one(make_user())

    async def is_closed() -> bool:
        return await database["change_gaps"].find_one({"closed_at": {"$exists": True}}) is not None

    async with following(database, settings) as listener:
        await wait_until_applied(database)
        await control.reset(database, ResetTo.SNAPSHOT, actor=ACTOR)
        await until(is_closed)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        assert not listener.done()

    assert len(await history_of(database)) == 2
    await assert_consistent(database)


async def test_seek_skips_changes_with_a_gap(database: Database, settings: Settings) -> None:
    async with following(database, settings):
        await wait_until_applied(database)
    await database["users"].insert_one(make_user())
    skipped_until = datetime.now(UTC) + timedelta(seconds=1)

    async def has_passed() -> bool:
        now = (await database.command("ping"))["operationTime"]
        await database["filling"].insert_one({})
        return bool(now.time > skipped_until.timestamp())

    await until(has_passed)
    await database["users"].insert_one(make_user())

    await control.seek(database, skipped_until, actor=ACTOR)
    async with following(database, settings):
        await wait_until_applied(database)

    assert [row["operation"] for row in await history_of(database)] == ["insert"]
    assert (await reconcile(database)).is_empty
    (gap,) = await database["change_gaps"].find().to_list()
    assert gap["reason"] == "seek"


@pytest.mark.parametrize("shift", [timedelta(hours=-1), timedelta(hours=1)])
async def test_unreachable_time_is_refused(database: Database, settings: Settings, shift: timedelta) -> None:
    """Back would apply changes twice; the future does not exist yet."""
    async with following(database, settings):
        await wait_until_applied(database)
    before = await database[POSITIONS].find_one()

    with pytest.raises(InvalidInputError):
        await control.seek(database, datetime.now(UTC) + shift, actor=ACTOR)

    assert await database[POSITIONS].find_one() == before
    assert await _actions(database) == []


async def _with_a_letter(database: Database, settings: Settings) -> dict[str, Any]:
    """One refused insert, and an update that is held behind it; the refusal has ended."""
    poison = make_user()
    await database.command({"collMod": "user_history", "validator": {"user_id": {"$ne": poison["_id"]}}})
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_many([poison, make_user()])
        await database["users"].update_one({"_id": poison["_id"]}, _set(status="inactive"))
        await wait_until_applied(database)
    await database.command({"collMod": "user_history", "validator": {}})
    letter = await database[LETTERS].find_one({"state": "failed"})
    assert letter is not None
    return letter


async def test_replayed_letter_releases_the_held_changes(database: Database, settings: Settings) -> None:
    letter = await _with_a_letter(database, settings)

    async def are_closed() -> bool:
        return (await change_status(database)).dead_letters == 0

    async with following(database, settings):
        await wait_until_applied(database)
        assert (await change_status(database)).dead_letters == 2
        await control.replay_letter(database, letter["_id"], actor=ACTOR)
        await until(are_closed)
        await database["users"].update_many({}, _set(status="suspended"))
        await wait_until_applied(database)

    assert [each["state"] async for each in database[LETTERS].find()] == ["replayed"] * 2
    assert await _actions(database) == [(ACTOR, "dead_letters.replay")]
    await assert_consistent(database)


async def test_skipped_letter_releases_the_held_changes(database: Database, settings: Settings) -> None:
    letter = await _with_a_letter(database, settings)

    await control.skip_letter(database, letter["_id"], actor=ACTOR)
    async with following(database, settings):
        await wait_until_applied(database)
        await until(lambda: database[LETTERS].find_one({"state": "replayed"}))

    rows = [row for row in await history_of(database) if str(row["user_id"]) == letter["user_id"]]
    assert [row["operation"] for row in rows] == ["update"]
    assert (await change_status(database)).dead_letters == 0


async def test_letter_that_fails_again_stays(database: Database, settings: Settings) -> None:
    letter = await _with_a_letter(database, settings)
    await database.command({"collMod": "user_history", "validator": {"operation": {"$ne": "insert"}}})

    await control.replay_letter(database, letter["_id"], actor=ACTOR)
    async with following(database, settings):
        await until(lambda: database[LETTERS].find_one({"_id": letter["_id"], "attempts": 2}))

    assert [each["state"] async for each in database[LETTERS].find().sort("cluster_time", 1)] == ["failed", "held"]


async def test_snapshot_closes_open_letters(database: Database, settings: Settings) -> None:
    """It records the present state of every user."""
    await _with_a_letter(database, settings)

    await control.reset(database, ResetTo.SNAPSHOT, actor=ACTOR)
    async with following(database, settings):
        await wait_until_applied(database)

    assert [each["state"] async for each in database[LETTERS].find()] == ["superseded"] * 2
    assert (await verify(database, EFFECTS)).differences == []
    assert (await reconcile(database)).is_empty


async def test_held_letter_cannot_be_replayed_first(database: Database, settings: Settings) -> None:
    await _with_a_letter(database, settings)
    held = await database[LETTERS].find_one({"state": "held"})
    assert held is not None

    with pytest.raises(NotFoundError):
        await control.replay_letter(database, held["_id"], actor=ACTOR)

    assert await _actions(database) == []


async def test_verify_finds_a_user_that_history_does_not_know(database: Database, settings: Settings) -> None:
    await database["users"].insert_many([make_user() for _ in range(3)])
    async with following(database, settings):
        await wait_until_applied(database)
        assert (await verify(database, EFFECTS)).differences == []
        await database["user_history"].update_one({"_id": 2}, {"$set": {"after.status": "suspended"}})
        found = await verify(database, EFFECTS)

    assert found.differences == ["1 users differ from their last row of history"]
    assert (found.users, found.is_complete) == (3, True)
