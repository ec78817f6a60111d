"""No change stops the listener: reduced, or set aside for one user only."""

from typing import Any

import bson
import pytest
from bson import MaxKey, MinKey
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, UpdateOne

from docustore.changes import control
from docustore.changes.control import ResetTo
from docustore.changes.dead_letters import LETTERS
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.isolation import MAX_FAILURES_IN_A_ROW
from docustore.changes.status import wait_until_applied
from docustore.changes.verify import verify
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import EffectsFailingError
from tests.listening import assert_consistent, following, history_of, listening, make_user
from tests.waiting import until

MIB = 1024 * 1024


def _set(**fields: Any) -> dict[str, Any]:
    return {"$set": fields, "$inc": {"version": 1}}


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


async def _accept_anything(database: Database) -> None:
    await database.command({"collMod": "users", "validator": {}})


async def _refuse_rows(database: Database, **query: Any) -> None:
    await database.command({"collMod": "user_history", "validator": query})


async def test_large_user_that_is_sliced_is_followed(database: Database, settings: Settings) -> None:
    """The event of the update does not fit into 16 MB, not even with one image."""
    await _accept_anything(database)
    user = make_user(parts=["x" * MIB for _ in range(15)] + ["y" * (MIB - 150_000)])
    key = {"_id": user["_id"]}
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(user)
        await database["users"].update_one(
            key, {"$push": {"parts": {"$each": ["z"], "$slice": -15}}, "$inc": {"version": 1}}
        )
        await database["users"].update_one(key, _set(status="inactive"))
        await wait_until_applied(database)

    rows = await history_of(database)
    assert [row["operation"] for row in rows] == ["insert", "update", "update"]
    assert rows[-1]["after"]["status"] == "inactive"
    assert await database[LETTERS].count_documents({}) == 0


async def test_deep_user_is_recorded_without_its_deep_field(database: Database, settings: Settings) -> None:
    """The server stores 179 levels of a field in a user, but not in a row around it."""
    await _accept_anything(database)
    user = make_user()
    key = {"_id": user["_id"]}
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(user)
        await database["users"].update_one(key, _set(deep=_nested(179)))
        await database["users"].update_one(key, _set(status="inactive"))
        await wait_until_applied(database)

    rows = await history_of(database)
    assert rows[1]["changes"] == {"deep": {"omitted": True}}
    assert (rows[1]["omitted"], rows[2]["omitted"]) == (["deep"], ["deep"])
    assert rows[2]["changes"]["status"] == {"before": "active", "after": "inactive"}


async def test_replaced_large_fields_are_reduced(database: Database, settings: Settings) -> None:
    """500 fields of 30 KB before and after make a row of 38 MB."""
    await _accept_anything(database)
    user = make_user()
    names = [f"field_{n}" for n in range(500)]
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(user | dict.fromkeys(names, "x" * 30_000))
        await database["users"].replace_one({"_id": user["_id"]}, user | dict.fromkeys(names, "y" * 30_000))
        await wait_until_applied(database)

    rows = await history_of(database)
    assert [row["operation"] for row in rows] == ["insert", "replace"]
    assert set(rows[1]["changes"]) == set(names)
    assert {"omitted": True} in rows[1]["changes"].values()


async def test_huge_status_is_followed(database: Database, settings: Settings) -> None:
    await _accept_anything(database)
    user = make_user(status="s" * 9_000_000)
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(user)
        await database["users"].update_one({"_id": user["_id"]}, _set(status="t" * 9_000_000))
        await wait_until_applied(database)

    rows = await history_of(database)
    assert rows[1]["changes"] == {"status": {"omitted": True}}
    assert rows[1]["after"]["status"] == "t" * 9_000_000


async def _effects_have_reached(database: Database, seq: int) -> bool:
    names = [effect.name for effect in DERIVED]
    live = {"_id": {"$in": names}, "state": "live", "seq": {"$gte": seq}}
    return await database["change_effects"].count_documents(live) == len(names)


@pytest.mark.parametrize("user_id", [DatetimeMS(10**15), b"broken"])
@pytest.mark.parametrize("is_snapshot", [False, True])
async def test_strange_ids_are_followed(
    database: Database, settings: Settings, user_id: Any, *, is_snapshot: bool
) -> None:
    """A date of the year 33658, and a text that is not UTF-8."""
    await _accept_anything(database)
    raw = bson.encode(make_user(_id="xxxx" if isinstance(user_id, bytes) else user_id))
    strange = RawBSONDocument(raw.replace(b"_id\x00\x05\x00\x00\x00xxxx", b"_id\x00\x05\x00\x00\x00\xff\xfexx"))
    if is_snapshot:
        await database["users"].insert_one(strange)
    async with listening(database, settings) as listener:
        await wait_until_applied(database)
        if not is_snapshot:
            await database["users"].insert_one(strange)
        await database["users"].update_many({}, _set(status="inactive"))
        await database["users"].delete_many({})
        await wait_until_applied(database)
        assert not listener.done()
        await until(lambda: _effects_have_reached(database, 3), what="effects that are not failed")

    assert await database["user_history"].count_documents({}) == 3
    assert await database["user_history"].count_documents({"changes.status.before": "inactive"}) == 1
    assert await database["user_quality"].count_documents({}) == 0


async def test_users_with_strange_ids_are_verified(database: Database, settings: Settings) -> None:
    """One of them must not end the check of all others."""
    await _accept_anything(database)
    ids = [DatetimeMS(10**15), DatetimeMS(-(10**15)), {"a": 1}, None, float("nan"), MinKey(), MaxKey()]
    users = [make_user(_id=each, email=f"{number}@example.org") for number, each in enumerate(ids)]
    async with listening(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_many(users)
        seq = await wait_until_applied(database)
        await until(lambda: _effects_have_reached(database, seq), what="the derived effects")

        found = await verify(database, EFFECTS, [effect(settings) for effect in DERIVED])

    assert (found.differences, found.users, found.is_complete) == ([], len(ids), True)


async def test_users_with_long_ids_are_recovered(database: Database, settings: Settings) -> None:
    """The ids of one chunk do not fit into one command."""
    await _accept_anything(database)
    users = [make_user(_id=f"{number:03d}" + "x" * 20_000) for number in range(900)]
    async with following(database, settings) as listener:
        await wait_until_applied(database)
        await database["users"].insert_many(users)
        await wait_until_applied(database)
        await database["users"].delete_one({"_id": users[0]["_id"]})
        await control.reset(database, ResetTo.SNAPSHOT, actor="cli:ada")
        await wait_until_applied(database)
        assert not listener.done()

        found = await verify(database, EFFECTS)

    assert (found.differences, found.users, found.is_complete) == ([], 899, True)


async def test_foreign_row_is_set_aside(database: Database, settings: Settings) -> None:
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        await database["user_history"].insert_one({"_id": 2, "note": "not ours"})
        await database["users"].insert_many([make_user(), make_user()])
        await wait_until_applied(database)

    (letter,) = await database[LETTERS].find().to_list()
    assert (letter["_id"], letter["state"]) == ("foreign:2", "foreign")
    assert bson.decode(letter["row"]) == {"_id": 2, "note": "not ours"}
    await assert_consistent(database)


async def test_dead_letter_holds_back_only_its_user(database: Database, settings: Settings) -> None:
    """The server refuses every row of one user."""
    poison, other = make_user(), make_user()
    await _refuse_rows(database, user_id={"$ne": poison["_id"]})
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_many([poison, other])
        await database["users"].update_one({"_id": poison["_id"]}, _set(status="inactive"))
        await database["users"].update_one({"_id": other["_id"]}, _set(status="inactive"))
        await wait_until_applied(database)

    rows = await history_of(database)
    assert [row["user_id"] for row in rows] == [other["_id"]] * 2
    letters = await database[LETTERS].find().sort("cluster_time", 1).to_list()
    assert [(each["operation"], each["state"]) for each in letters] == [("insert", "failed"), ("update", "held")]
    assert (letters[0]["code"], letters[0]["user_id"]) == (121, str(poison["_id"]))


async def test_one_dead_letter_costs_few_transactions(database: Database, settings: Settings) -> None:
    """The changes around it are applied in large parts: the other users do not wait."""
    users = [make_user() for _ in range(400)]
    await _refuse_rows(database, user_id={"$ne": users[150]["_id"]})
    async with following(database, settings):
        await wait_until_applied(database)
        before = await _committed(database)
        await database["users"].insert_many(users)
        await wait_until_applied(database)

    assert await _committed(database) - before < 60
    assert [row["user_id"] for row in await history_of(database)] == [
        user["_id"] for user in users if user is not users[150]
    ]


async def test_held_user_costs_the_others_few_transactions(database: Database, settings: Settings) -> None:
    poison, others = make_user(), [make_user() for _ in range(400)]
    await _refuse_rows(database, user_id={"$ne": poison["_id"]})
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(poison)
        await wait_until_applied(database)
        before = await _committed(database)
        await database["users"].bulk_write(
            [
                *(InsertOne(each) for each in others[:200]),
                UpdateOne({"_id": poison["_id"]}, _set(status="inactive")),
                *(InsertOne(each) for each in others[200:]),
            ]
        )
        await wait_until_applied(database)

    assert await _committed(database) - before < 60
    assert len(await history_of(database)) == len(others)


async def _committed(database: Database) -> int:
    """Count the transactions of this server so far."""
    status = await database.client.admin.command("serverStatus")
    return int(status["transactions"]["totalCommitted"])


async def test_refused_user_of_a_snapshot_is_a_letter(database: Database, settings: Settings) -> None:
    users = [make_user() for _ in range(5)]
    await database["users"].insert_many(users)
    await _refuse_rows(database, user_id={"$ne": users[2]["_id"]})

    async with following(database, settings):
        await wait_until_applied(database)

    assert [row["_id"] for row in await history_of(database)] == [1, 2, 3, 4]
    (letter,) = await database[LETTERS].find().to_list()
    assert (letter["operation"], letter["user_id"]) == ("snapshot", str(users[2]["_id"]))


async def test_fault_of_every_change_stops_the_listener(database: Database, settings: Settings) -> None:
    """Otherwise a fault in the store or the code would set aside all changes, one after another."""
    users = [make_user() for _ in range(MAX_FAILURES_IN_A_ROW + 5)]
    async with following(database, settings) as listener:
        await wait_until_applied(database)
        await _refuse_rows(database, operation={"$ne": "insert"})
        await database["users"].insert_many(users)
        with pytest.raises(EffectsFailingError):
            await listener
    assert await database[LETTERS].count_documents({"state": "failed"}) == MAX_FAILURES_IN_A_ROW - 1

    await database.command({"collMod": "user_history", "validator": {}})
    async with following(database, settings):
        await wait_until_applied(database)

    # The change that stopped it was not lost.
    rows = await history_of(database)
    assert [row["user_id"] for row in rows] == [user["_id"] for user in users[MAX_FAILURES_IN_A_ROW - 1 :]]
