"""Late versions in `dim_user`, beside what happens in the store."""

import asyncio
from datetime import datetime
from typing import Any

import msgspec

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.warehouse.late_numbers import number_late_versions
from tests.listening import listening
from tests.store_cases import record, store


def day(number: int) -> datetime:
    return datetime.fromisoformat(f"2026-01-{number:02}T00:00:00+00:00")


async def spans(database: Database, *names: str) -> list[tuple[Any, ...]]:
    rows = await database.dim_user.find().sort("valid_from", 1).to_list()
    return [(*(row[name] for name in names), row["valid_from"], row["valid_to"]) for row in rows]


async def test_end_begins_a_span_at_its_own_time(database: Database, settings: Settings) -> None:
    async with listening(database, settings):
        await wait_until_applied(database)
        await store(database, [record(1, 2)])
        await store(database, [record(1, 5, deleted=True)])
        await wait_until_applied(database)

    assert await spans(database, "status") == [("active", day(2), day(5)), ("inactive", day(5), None)]


async def test_local_roles_of_the_time_are_roles_of_a_late_version(database: Database, settings: Settings) -> None:
    """A role that was granted later is not among them."""
    granted = {"roles": ["a", "auditor"], "local_roles": ["auditor"], "updated_by": "api:k"}
    async with listening(database, settings):
        await wait_until_applied(database)
        await store(database, [record(1, 3, roles=["a"])])
        await wait_until_applied(database)
        await database.users.update_one({}, {"$set": granted, "$inc": {"version": 1}})
        await store(database, [record(1, 2, roles=["b"])])
        await wait_until_applied(database)
    rows = await database.dim_user.find().sort("valid_from", 1).to_list()
    assert [row["roles"] for row in rows] == [["b"], ["a"], ["a", "auditor"]]

    # As if the grant were earlier than the late version.
    await database.user_history.update_one({"source": "api:k"}, {"$set": {"valid_from": day(1)}})
    await database.user_history.update_many({"source": "etl:crm"}, {"$set": {"valid_from": day(4)}})
    await database.late_versions.update_one({}, {"$set": {"at": day(4)}})
    [*_, last] = await database.dim_user.find().sort("valid_from", 1).to_list()
    assert last["roles"] == ["b", "auditor"]


async def test_late_version_has_no_span_while_the_user_is_deleted(database: Database, settings: Settings) -> None:
    async with listening(database, settings):
        await wait_until_applied(database)
        await store(database, [record(1, 2)])
        deleted = {"deleted_at": day(4), "updated_by": "api:k"}
        await database.users.update_one({}, {"$set": deleted, "$inc": {"version": 1}})
        await wait_until_applied(database)
        await database.user_history.update_one({"source": "api:k"}, {"$set": {"valid_from": day(4)}})
        await store(database, [record(1, 9)])
        await store(database, [record(1, 3, first_name="Before"), record(1, 6, first_name="After")])
        await wait_until_applied(database)

    assert await spans(database, "first_name") == [("", day(2), day(3)), ("Before", day(3), day(4))]


async def test_late_version_of_a_user_that_was_never_stored_has_no_span(database: Database) -> None:
    """A process was killed after it kept the late version, and before it stored the user."""
    late = {"user_id": 7, "key": "crm:7", "at": day(1), "mark": "crm\t7\t3:0", "recorded_at": day(2)}
    await database.late_versions.insert_one({"_id": "x", "number": None, "values": {"email": "a@b.c"}, **late})

    assert await database.dim_user.find().to_list() == []


async def test_two_exports_number_each_late_version_once(database: Database) -> None:
    await database.late_versions.insert_many(
        [{"_id": f"{n}", "number": None, "recorded_at": day(1)} for n in range(2500)]
    )

    last = await asyncio.gather(*(number_late_versions(database) for _ in range(4)))

    numbers = await database.late_versions.distinct("number")
    assert max(last) == 2500
    assert sorted(numbers) == list(range(1, 2501))


async def test_record_that_comes_back_was_inactive_until_then(database: Database, settings: Settings) -> None:
    """Two full readings lacked it. Its time is that of its last version, which is before its end."""
    absent = msgspec.structs.replace(record(1, 4, deleted=True), is_absence=True)
    async with listening(database, settings):
        await wait_until_applied(database)
        await store(database, [record(1, 2)])
        await store(database, [absent])
        await store(database, [record(1, 2)])
        await wait_until_applied(database)

    back = await database.user_history.find_one(sort=[("_id", -1)])
    assert back is not None
    assert await spans(database, "status") == [
        ("active", day(2), day(4)),
        ("inactive", day(4), back["valid_from"]),
        ("active", back["valid_from"], None),
    ]
