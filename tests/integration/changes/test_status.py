"""The status tells the truth, also where something is unusual."""

import asyncio
from typing import Any

import pytest

from docustore.changes.incidents import take_alert
from docustore.changes.lease import acquire
from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.changes.status import change_status, is_heartbeat_fresh, wait_until_applied
from docustore.clock import now_utc
from docustore.config import LostPositionPolicy, Settings
from docustore.database import Database
from docustore.errors import PositionLostError, UnsupportedStoreError
from tests.listening import following, history_of, make_user
from tests.waiting import PATIENCE_S


async def _ends_with(listener: "asyncio.Task[None]", error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        await asyncio.wait_for(asyncio.shield(listener), PATIENCE_S)


async def test_status_counts_snapshot_rows_apart(database: Database, settings: Settings) -> None:
    await database["users"].insert_many([make_user() for _ in range(3)])
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        status = await change_status(database)

    assert (status.applied, status.snapshot_rows, status.gaps, status.dead_letters) == (1, 3, 0, 0)
    assert (status.last_error, status.warnings) == (None, [])
    assert status.oplog_headroom_s is not None


async def test_counters_of_an_old_store_are_counted_once(database: Database, settings: Settings) -> None:
    await database["users"].insert_many([make_user() for _ in range(3)])
    async with following(database, settings):
        await wait_until_applied(database)
    await database[POSITIONS].update_one({}, {"$unset": {"snapshot_rows": 1, "approximate_rows": 1}})

    async with following(database, settings):
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)

    status = await change_status(database)
    assert (status.applied, status.snapshot_rows, status.approximate_rows) == (1, 3, 0)


async def test_images_that_are_off_are_shown(database: Database, settings: Settings) -> None:
    user = make_user()
    await database["users"].insert_one(user)
    async with following(database, settings):
        await wait_until_applied(database)
        await database.command({"collMod": "users", "changeStreamPreAndPostImages": {"enabled": False}})
        await database["users"].update_one({"_id": user["_id"]}, {"$set": {"status": "inactive"}})
        await wait_until_applied(database)
        status = await change_status(database)

    assert status.approximate_rows == 1
    assert "images of `users` are off" in status.warnings[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"lease_expires_at": {"$add": ["$$NOW", 3_600_000]}, "heartbeat_at": {"$add": ["$$NOW", 3_590_000]}},
        {"lease_expires_at": {"$add": ["$$NOW", 3_600_000]}, "heartbeat_at": {"$subtract": ["$$NOW", 600_000]}},
    ],
)
async def test_lease_from_a_wrong_clock_is_free(database: Database, settings: Settings, fields: Any) -> None:
    """A primary whose clock was ahead wrote it; its listener is dead."""
    assert await acquire(database, owner="dead", lease_s=10) is not None
    await database[POSITIONS].update_one({"_id": POSITION_ID}, [{"$set": fields}])

    assert (await change_status(database)).owner is None
    assert not await is_heartbeat_fresh(database, max_age_s=10)
    assert await acquire(database, owner="next", lease_s=10) is not None


async def test_drop_under_fail_is_a_gap_that_names_the_drop(database: Database, settings: Settings) -> None:
    strict = settings.model_copy(update={"changes_on_lost_position": LostPositionPolicy.FAIL})
    async with following(database, strict) as listener:
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        await database["users"].drop()
        await _ends_with(listener, PositionLostError, r"ended \(drop\).*reset --to snapshot")

    (gap,) = await database["change_gaps"].find().to_list()
    assert (gap["reason"], gap["policy"], gap.get("closed_at")) == ("drop", "fail", None)
    status = await change_status(database)
    assert status.last_error is not None
    assert (status.last_error.error, status.gaps) == ("PositionLostError", 1)


async def test_view_in_place_of_users_leaves_no_phantoms(database: Database, settings: Settings) -> None:
    """Its documents are not users whose changes can be followed."""
    await database["users"].insert_one(make_user())
    async with following(database, settings):
        await wait_until_applied(database)
    await database["people"].insert_many([make_user(), make_user()])
    await database["users"].drop()
    await database.command({"create": "users", "viewOn": "people", "pipeline": []})

    async with following(database, settings) as listener:
        await _ends_with(listener, UnsupportedStoreError, "is a view")

    status = await change_status(database)
    assert len(await history_of(database)) == 1
    assert (status.is_caught_up, status.lag_s) == (False, None)
    assert "is a view" in status.warnings[0]
    assert status.last_error is not None
    await database["users"].drop()


async def test_alert_is_sent_once_per_incident(database: Database, settings: Settings) -> None:
    """A supervisor starts a stopped listener again and again."""
    strict = settings.model_copy(update={"changes_on_lost_position": LostPositionPolicy.FAIL})
    error = PositionLostError(stream="users", code=None, reason="drop")
    alerts = []
    async with following(database, strict):
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        await database["users"].drop()
    for _ in range(3):
        async with following(database, strict) as listener:
            await _ends_with(listener, PositionLostError, "drop")
        alerts.append(await take_alert(database, error, at=now_utc()))

    assert alerts == [True, False, False]
    assert await database["change_gaps"].count_documents({}) == 1
