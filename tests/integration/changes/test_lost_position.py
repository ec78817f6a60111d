"""A position that the server cannot resume from: never a silent gap."""

import asyncio
from typing import Any

import pytest
from bson.timestamp import Timestamp

from docustore.analytics.reconcile import reconcile
from docustore.changes.ahead import is_before_oplog
from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.changes.recovery import MAX_RECOVERIES
from docustore.changes.status import change_status, wait_until_applied
from docustore.changes.stream import StartPoint
from docustore.config import LostPositionPolicy, Settings
from docustore.database import Database
from docustore.errors import PositionLostError, RecoveryLoopError
from tests.listening import assert_consistent, following, history_of, make_user
from tests.waiting import PATIENCE_S, until


async def _lose_position(database: Database, **fields: Any) -> None:
    """Put the position at an event from before the oplog.

    The server answers 280, as after a rollover.
    """
    rows = await history_of(database)
    data = next(row["event_id"] for row in reversed(rows) if row["operation"] == "update")
    token = {"_data": f"82{int(data[2:10], 16) - 10_000_000:08X}{data[10:]}"}
    await database[POSITIONS].update_one({"_id": POSITION_ID}, {"$set": {"token": token, **fields}})


async def _with_a_gap(database: Database, settings: Settings) -> list[dict[str, Any]]:
    """One changed, one deleted, one new and one equal user in the gap."""
    users = [make_user() for _ in range(4)]
    await database["users"].insert_many(users[:3])
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].update_one({"_id": users[0]["_id"]}, {"$set": {"status": "inactive"}})
        await database["users"].update_one({"_id": users[0]["_id"]}, {"$inc": {"version": 1}})
        await wait_until_applied(database)
    await database["users"].update_one(
        {"_id": users[0]["_id"]}, {"$set": {"status": "suspended"}, "$inc": {"version": 1}}
    )
    await database["users"].delete_one({"_id": users[1]["_id"]})
    await database["users"].insert_one(users[3])
    await _lose_position(database)
    return users


async def test_snapshot_policy_recovers_what_differs(database: Database, settings: Settings) -> None:
    users = await _with_a_gap(database, settings)
    known = await history_of(database)

    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)

    rows = (await history_of(database))[len(known) :]
    assert {row["user_id"]: row["operation"] for row in rows[:3]} == {
        users[n]["_id"]: "recovered" for n in (0, 1, 3)
    }
    by_user = {row["user_id"]: row for row in rows}
    assert by_user[users[0]["_id"]]["changes"] == {"status": {"before": "inactive", "after": "suspended"}}
    assert by_user[users[1]["_id"]]["after"] is None
    assert rows[3]["operation"] == "insert"
    (gap,) = await database["change_gaps"].find().to_list()
    assert (gap["code"], gap["policy"], gap["rows"]) == (280, "snapshot", 3)
    assert gap["closed_at"] >= gap["detected_at"]


async def test_type_change_in_the_gap_is_recovered(database: Database, settings: Settings) -> None:
    """1 and true are equal in Python, but not as stored values."""
    user = make_user(score=1)
    key = {"_id": user["_id"]}
    await database["users"].insert_one(user)
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].update_one(key, {"$inc": {"version": 1}})
        await wait_until_applied(database)
    await database["users"].update_one(key, {"$set": {"score": True}})
    await _lose_position(database)

    async with following(database, settings):
        await wait_until_applied(database)

    last = (await history_of(database))[-1]
    assert (last["operation"], last["changes"]) == ("recovered", {"score": {"before": 1, "after": True}})
    assert last["changes"]["score"]["after"] is True


async def test_reset_policy_leaves_a_gap_but_right_marts(database: Database, settings: Settings) -> None:
    await _with_a_gap(database, settings)
    known = await history_of(database)

    async with following(
        database, settings.model_copy(update={"changes_on_lost_position": LostPositionPolicy.RESET})
    ):
        await wait_until_applied(database)

    assert await history_of(database) == known
    assert (await reconcile(database)).is_empty
    (gap,) = await database["change_gaps"].find().to_list()
    assert (gap["policy"], gap["rows"]) == ("reset", 0)


async def test_fail_policy_stops(database: Database, settings: Settings) -> None:
    await _with_a_gap(database, settings)
    known = await history_of(database)
    strict = settings.model_copy(update={"changes_on_lost_position": LostPositionPolicy.FAIL})

    async with following(database, strict) as listener:
        with pytest.raises(PositionLostError, match="280"):
            await asyncio.wait_for(asyncio.shield(listener), PATIENCE_S)

    assert await history_of(database) == known
    assert (await change_status(database)).state == "lost"


async def test_recoveries_without_progress_stop(database: Database, settings: Settings) -> None:
    await _with_a_gap(database, settings)
    await _lose_position(database, recoveries=MAX_RECOVERIES)

    async with following(database, settings) as listener:
        with pytest.raises(RecoveryLoopError):
            await asyncio.wait_for(asyncio.shield(listener), PATIENCE_S)


async def test_interrupted_recovery_is_finished(database: Database, settings: Settings) -> None:
    """Its rows are removed; there is still one gap."""
    await _with_a_gap(database, settings)
    await _lose_position(database, state="snapshotting")
    seq = len(await history_of(database))
    await database["user_history"].insert_one({"_id": seq + 1, "event_id": "left"})

    async with following(database, settings):
        await wait_until_applied(database)

    rows = await history_of(database)
    assert [row["operation"] for row in rows[seq:]] == ["recovered"] * 3
    assert await database["change_gaps"].count_documents({}) == 1


async def test_progress_resets_the_count_of_recoveries(database: Database, settings: Settings) -> None:
    await _with_a_gap(database, settings)
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)

        position = await database[POSITIONS].find_one({"_id": POSITION_ID})

    assert position is not None
    assert position["recoveries"] == 0


async def test_dropped_again_and_again_goes_on(database: Database, settings: Settings) -> None:
    """Each end of the collection was read from the stream: that is progress."""
    async with following(database, settings) as listener:
        await wait_until_applied(database)
        for rounds in range(1, MAX_RECOVERIES + 3):
            await database["users"].drop()
            await until(lambda n=rounds: _has_closed_gaps(database, n))  # type: ignore[misc]
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        assert not listener.done()

    await assert_consistent(database)


async def _has_closed_gaps(database: Database, gaps: int) -> bool:
    # The server may report two drops of an empty collection as one.
    await database["users"].update_one({"_id": "x"}, {"$set": {"a": 1}}, upsert=True)
    await database["users"].delete_one({"_id": "x"})
    return await database["change_gaps"].count_documents({"closed_at": {"$exists": True}}) >= gaps


@pytest.mark.parametrize("ending", ["drop", "rename"])
async def test_collection_that_ends_is_a_gap(database: Database, settings: Settings, ending: str) -> None:
    """The server sends no deletes for a dropped collection; history has them."""
    users = [make_user() for _ in range(3)]
    await database["users"].insert_many(users)

    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        if ending == "drop":
            await database["users"].drop()
        else:
            await database["users"].rename("users_before")
        await database["users"].insert_one(users[0])
        await until(lambda: database["change_gaps"].find_one({"closed_at": {"$exists": True}}))
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)

    (gap,) = await database["change_gaps"].find().to_list()
    assert gap["reason"] == ending
    await assert_consistent(database)


async def test_dropped_database_is_a_first_start(database: Database, settings: Settings) -> None:
    """The position is dropped with its database: the next start is a first start."""
    await database["users"].insert_one(make_user())

    async with following(database, settings):
        await wait_until_applied(database)
        await database.client.drop_database(database.name)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)

    assert len(await history_of(database)) == 1
    await assert_consistent(database)


async def test_position_before_the_oplog_is_known_without_a_scan(database: Database) -> None:
    """The search for a lost token reads the whole oplog, which may time out."""
    await database["users"].insert_one(make_user())
    now = (await database.command("ping"))["operationTime"]

    assert await is_before_oplog(database, StartPoint(start_at=Timestamp(now.time - 10_000_000, 1)))
    assert not await is_before_oplog(database, StartPoint(start_at=now))
