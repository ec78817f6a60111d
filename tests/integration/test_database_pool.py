"""The pool gives each test an empty database as declared, whatever the test before has done."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import AsyncMongoClient, WriteConcern

from docustore.database import Database
from indexes.apply import plan_indexes
from tests.conftest import Servers
from tests.database_pool import DatabasePool
from tests.listening import make_user
from tests.oplog_changes import Changes, changes_since

Deed = Callable[[Database], Awaitable[Any]]


@pytest.fixture(scope="module")
async def pool(database_pool: DatabasePool, servers: Servers) -> AsyncIterator[DatabasePool]:
    """A pool of its own on the servers of the session."""
    async with AsyncMongoClient[dict[str, Any]](servers.mongodb_root_url) as owner:
        own = DatabasePool(database_pool.client, owner["local"]["oplog.rs"])
        yield own
        await own.drop_all()


async def catalogue(database: Database) -> dict[str, Any]:
    """Describe every collection and view, without what tells one creation from another."""
    found = {each["name"]: each async for each in await database.list_collections()}
    for each in found.values():
        each["info"].pop("uuid", None)
        if each["type"] == "collection" and not each["name"].startswith("system."):
            each["indexes"] = await database[each["name"]].index_information()
    return found


async def documents(database: Database) -> int:
    collections = await database.list_collection_names(filter={"type": "collection"})
    return sum([await database[name].count_documents({}) for name in collections if name != "system.views"])


async def write(database: Database) -> None:
    await database["users"].insert_one(make_user())
    await database["audit_log"].insert_one({"actor": "cli:ada"})


async def write_in_a_transaction(database: Database) -> None:
    async with database.client.start_session() as session, await session.start_transaction():
        await database["users"].insert_one(make_user(), session=session)
        await database["user_history"].insert_one({"_id": 1}, session=session)


async def write_for_no_majority(database: Database) -> None:
    users = database.get_collection("users", write_concern=WriteConcern(w=1, j=False))
    await users.insert_many([make_user() for _ in range(300)])


async def make_a_collection(database: Database) -> None:
    await database["another"].insert_one({"a": 1})


async def drop_a_collection(database: Database) -> None:
    await database["users"].drop()


async def drop_an_index(database: Database) -> None:
    await database["users"].drop_index("email_unique")


async def add_an_index(database: Database) -> None:
    await database["users"].create_index("first_name")


async def replace_an_index_of_documents(database: Database) -> None:
    """The number of indexes stays the same, and the index is built over a document."""
    await write(database)
    await database["users"].drop_index("email_unique")
    await database["users"].create_index("email", name="email_unique")


async def hide_an_index(database: Database) -> None:
    await database.command("collMod", "users", index={"name": "email_unique", "hidden": True})


async def take_the_validator_away(database: Database) -> None:
    await database.command("collMod", "users", validator={})


async def put_a_validator(database: Database) -> None:
    await database.command("collMod", "user_stats", validator={"nothing": True})


async def turn_images_off(database: Database) -> None:
    await database.command("collMod", "users", changeStreamPreAndPostImages={"enabled": False})


async def rename_a_collection(database: Database) -> None:
    await database["users"].rename("people")


async def exchange_two_collections(database: Database) -> None:
    await database["api_keys"].rename("between")
    await database["etl_runs"].rename("api_keys")
    await database["between"].rename("etl_runs")


async def copy_a_collection(database: Database) -> None:
    await write(database)
    await (await database["users"].aggregate([{"$out": "copied"}])).to_list()


async def make_a_view(database: Database) -> None:
    await database.create_collection("shown", viewOn="users", pipeline=[])


async def change_a_view(database: Database) -> None:
    view = (await (await database.list_collections(filter={"type": "view"})).to_list())[0]["name"]
    await database.command("collMod", view, viewOn="users", pipeline=[{"$limit": 1}])


async def drop_every_view(database: Database) -> None:
    for view in await database.list_collection_names(filter={"type": "view"}):
        await database[view].drop()


async def drop_the_database(database: Database) -> None:
    await database.client.drop_database(database.name)


async def make_the_database_anew(database: Database) -> None:
    await drop_the_database(database)
    await write(database)


DEEDS = (
    write, write_in_a_transaction, write_for_no_majority, make_a_collection, drop_a_collection, drop_an_index,
    add_an_index, replace_an_index_of_documents, hide_an_index, take_the_validator_away, put_a_validator,
    turn_images_off, rename_a_collection, exchange_two_collections, copy_a_collection, make_a_view, change_a_view,
    drop_every_view, drop_the_database, make_the_database_anew,
)  # fmt: skip


async def test_nothing_of_a_test_is_left_for_the_next(pool: DatabasePool) -> None:
    """One database for all deeds, one after another."""
    name = await pool.take()
    database = pool.client[name]
    declared = await catalogue(database)
    assert (await plan_indexes(database)).is_in_sync
    for deed in DEEDS:
        await deed(database)
        pool.give_back(name)

        assert await pool.take() == name

        assert await documents(database) == 0, deed.__name__
        assert await catalogue(database) == declared, deed.__name__
    pool.give_back(name)


async def test_write_after_the_end_of_a_test_is_not_left(pool: DatabasePool) -> None:
    """A process of the test may end later than the test."""
    name = await pool.take()
    pool.give_back(name)
    await write(pool.client[name])

    assert await pool.take() == name

    assert await documents(pool.client[name]) == 0
    pool.give_back(name)


async def test_two_tests_at_once_have_two_databases(pool: DatabasePool) -> None:
    one, two = await pool.take(), await pool.take()

    assert one != two
    pool.give_back(one)
    pool.give_back(two)


async def test_oplog_that_begins_later_tells_nothing(pool: DatabasePool, servers: Servers) -> None:
    """Then the pool makes the database anew."""
    async with AsyncMongoClient[dict[str, Any]](servers.mongodb_root_url) as owner:
        oplog = owner["local"]["oplog.rs"]
        name = await pool.take()
        await drop_an_index(pool.client[name])
        now = (await owner.admin.command("hello"))["lastWrite"]["opTime"]["ts"]

        assert await changes_since(oplog, now, database=name) is not None
        assert await changes_since(oplog, Timestamp(1, 1), database=name) is None
        pool.give_back(name)


async def test_changes_of_another_database_are_none_of_it(pool: DatabasePool, servers: Servers) -> None:
    async with AsyncMongoClient[dict[str, Any]](servers.mongodb_root_url) as owner:
        one, two = await pool.take(), await pool.take()
        now = (await owner.admin.command("hello"))["lastWrite"]["opTime"]["ts"]
        await write(pool.client[one])
        await make_a_collection(pool.client[one])

        assert await changes_since(owner["local"]["oplog.rs"], now, database=two) == Changes()
        assert await changes_since(owner["local"]["oplog.rs"], now, database=one) == Changes(
            written={"users", "audit_log", "another"}, altered={"another"}
        )
