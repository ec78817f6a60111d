"""Storing records beside other writers."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docustore.database import Database
from docustore.etl import store as store_module
from docustore.etl.plan import Outcome
from tests.chaos.scale import scaled
from tests.store_cases import record, store
from tests.unit.etl.generated import mapped, upstream_records

NOT_COMPARED = {"_id": 0, "updated_at": 0, "version": 0, "created_at": 0}


async def content(database: Database) -> list[dict[str, Any]]:
    return await database.users.find({}, NOT_COMPARED).sort("email").to_list()


async def test_same_batch_at_once_stores_each_user_once(database: Database) -> None:
    batch = [record(number) for number in range(50)]

    outcomes = await asyncio.gather(*(store(database, batch) for _ in range(4)))

    assert await database.users.count_documents({}) == 50
    assert not any(Outcome.QUARANTINED in some for some in outcomes)


async def test_newest_version_wins_a_race(database: Database) -> None:
    versions = [[record(number, day) for number in range(20)] for day in range(1, 6)]

    await asyncio.gather(*(store(database, batch) for batch in versions))

    stored = await database.users.find().to_list()
    assert {user["identities"][0]["modified_at"].day for user in stored} == {5}


async def test_one_address_in_racing_batches_is_one_user(database: Database) -> None:
    batches = [[record(number, first_name=f"N{number}", email="one@example.org")] for number in range(4)]

    await asyncio.gather(*(store(database, batch) for batch in batches))

    [user] = await content(database)
    assert len(user["identities"]) == 4


async def test_tombstone_racing_its_record_counts(database: Database) -> None:
    """Pages are stored at once: neither can find what the other has not written."""
    numbers = range(20)
    records = [[record(number)] for number in numbers]
    tombstones = [[record(number, 2, deleted=True)] for number in numbers]

    await asyncio.gather(*(store(database, batch) for batch in records + tombstones))

    assert [user["status"] for user in await content(database)] == ["inactive"] * len(numbers)


async def test_other_writer_between_read_and_write_is_not_overwritten(database: Database) -> None:
    """Every update carries the version it was computed from."""
    await store(database, [record(1)])

    async def keep_renaming() -> None:
        for number in range(30):
            change = {"$set": {"local_roles": [f"r{number}"]}, "$inc": {"version": 1}}
            await database.users.update_one({}, change)

    racing = [store(database, [record(1, day, first_name=f"D{day}")]) for day in range(2, 9)]
    await asyncio.gather(keep_renaming(), *racing)

    [user] = await content(database)
    assert user["local_roles"] == ["r29"]


async def test_address_that_another_user_holds_costs_one_record(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another client has changed the address of a user of two identities.

    A third user has the old one. The rest of the user would get the old one back: a person must decide, and the
    other records of the source go on.
    """
    monkeypatch.setattr(store_module, "PAUSES_ALONE_S", (0.0, 0.0))
    both = {"email": "a@example.org"}
    await store(database, [record(1, **both), record(2, **both)])
    await database.users.update_one(both, {"$set": {"email": "z@example.org"}, "$inc": {"version": 1}})
    await database.users.insert_one({**both, "deleted_at": None, "status": "active", "version": 1})
    batch = [record(1, 5, email="b@example.org"), record(3)]

    refused = await store(database, batch)
    await database.users.update_one({"email": "z@example.org"}, {"$set": {"email": "a2@example.org"}})
    await database.users.delete_one(both)
    replayed = await store(database, batch)

    assert refused == [Outcome.QUARANTINED, Outcome.INSERTED]
    assert replayed == [Outcome.UPDATED, Outcome.UNCHANGED]


@settings(
    max_examples=int(scaled(bounded=25, full=200)),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(records=st.lists(upstream_records(), max_size=14), data=st.data())
async def test_any_order_of_batches_ends_the_same(
    database: Database, records: list[dict[str, Any]], data: st.DataObject
) -> None:
    """The rule of the pure classification, on the real server with its indexes."""
    shuffled = data.draw(st.permutations(records))
    contents = []
    for order, size in ((records, 3), (shuffled, 5)):
        await database.users.delete_many({})
        await database.etl_tombstones.delete_many({})
        for start in range(0, len(order), size):
            await store(database, [mapped(wire) for wire in order[start : start + size]])
        contents.append(await content(database))

    assert contents[0] == contents[1]
