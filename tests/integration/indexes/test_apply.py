"""Apply makes a database as declared, once, for any number of callers."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from docustore.database import Database
from docustore.errors import SchemaDriftError
from indexes.actions import ActionKind
from indexes.apply import apply_indexes, plan_indexes
from indexes.declaration import CollectionDeclaration
from indexes.declared import DECLARED
from indexes.lock import LOCKS
from indexes.plan import Plan


def things(*indexes: IndexModel, **options: Any) -> list[CollectionDeclaration]:
    return [CollectionDeclaration(name="things", indexes=indexes, **options)]


def kinds(plan: Plan) -> list[ActionKind]:
    return [action.kind for action in plan.actions]


async def index_names(database: Database) -> set[str]:
    return {index["name"] async for index in await database["things"].list_indexes()} - {"_id_"}


async def test_second_apply_does_nothing(database: Database) -> None:
    assert (await apply_indexes(database)).is_in_sync


async def test_declared_collections_exist(database: Database) -> None:
    assert set(await database.list_collection_names()) >= {declaration.name for declaration in DECLARED}


async def test_users_have_images(database: Database) -> None:
    [users] = await (await database.list_collections(filter={"name": "users"})).to_list()

    assert users["options"]["changeStreamPreAndPostImages"] == {"enabled": True}


async def test_drift_of_every_kind_is_found_and_fixed(database: Database) -> None:
    await database["users"].drop_index("created_at")
    await database["users"].drop_index("status_created_at")
    await database["users"].create_index([("status", 1)], name="status_created_at")
    await database["users"].create_index([("last_name", 1)], name="by_hand")
    await database.command("collMod", "users", validator={}, changeStreamPreAndPostImages={"enabled": False})

    found = await plan_indexes(database)

    assert {(action.kind, action.index) for action in found.actions} == {
        (ActionKind.SET_VALIDATOR, None),
        (ActionKind.ENABLE_IMAGES, None),
        (ActionKind.CREATE_INDEX, "created_at"),
        (ActionKind.CREATE_INDEX, "status_created_at_next"),
        (ActionKind.DROP_REPLACED_INDEX, "status_created_at"),
    }
    assert [extra.index for extra in found.extra] == ["by_hand"]
    assert await apply_indexes(database) == found
    after = await plan_indexes(database)
    assert after.actions == ()
    assert after.extra == found.extra


async def test_prune_hides_then_drops(database: Database) -> None:
    await database["users"].create_index([("last_name", 1)], name="by_hand")

    assert kinds(await apply_indexes(database, prune=True)) == [ActionKind.HIDE_EXTRA_INDEX]
    assert kinds(await apply_indexes(database, prune=True)) == [ActionKind.DROP_EXTRA_INDEX]
    assert (await plan_indexes(database)).is_in_sync


async def test_every_option_of_an_index_can_change(database: Database) -> None:
    """Each definition is reached from the one before it."""
    definitions: list[dict[str, Any]] = [
        {},
        {"hidden": True},
        {"unique": True},
        {"unique": True, "partialFilterExpression": {"a": {"$gt": 0}}},
        {"sparse": True},
        {"expireAfterSeconds": 100},
        {"expireAfterSeconds": 50},
        {},
        {"unique": True, "hidden": True},
    ]
    for options in definitions:
        declared = things(IndexModel([("a", 1)], name="a", **options))

        await apply_indexes(database, declared=declared)

        assert (await plan_indexes(database, declared=declared)).is_in_sync, options
        assert await index_names(database) in ({"a"}, {"a_next"})


async def test_replacing_never_leaves_duplicates_in(database: Database) -> None:
    await apply_indexes(database, declared=things(IndexModel([("a", 1)], name="a")))

    await apply_indexes(database, declared=things(IndexModel([("a", 1)], name="a", unique=True)))

    await database["things"].insert_one({"a": 1})
    with pytest.raises(DuplicateKeyError):
        await database["things"].insert_one({"a": 1})


@pytest.mark.parametrize("is_there_before", [False, True])
async def test_duplicates_give_a_clear_error(database: Database, *, is_there_before: bool) -> None:
    """The message names the place and the extent, and none of the values."""
    await database["things"].insert_many(
        [
            {"a": {"b": "secret"}},
            {"a": [{"b": "secret"}, {"b": "other"}]},
            {"a": {"b": "other"}},
            {"a": {"b": "x"}},
        ]
    )
    if is_there_before:
        await database["things"].create_index([("a.b", 1)], name="a_unique")

    with pytest.raises(SchemaDriftError) as caught:
        await apply_indexes(database, declared=things(IndexModel([("a.b", 1)], name="a_unique", unique=True)))

    message = str(caught.value)
    assert message.startswith("index a_unique of things cannot be unique: 2 values of a.b are shared")
    assert "secret" not in message
    await database["things"].insert_one({"a": {"b": "secret"}})  # writers are not held up by the failed change


async def test_two_applies_at_once_both_succeed(database: Database) -> None:
    await database.client.drop_database(database.name)

    one, other = await asyncio.gather(apply_indexes(database), apply_indexes(database))

    assert sorted([bool(one.actions), bool(other.actions)]) == [False, True]
    assert (await plan_indexes(database)).is_in_sync


async def test_expired_lock_is_taken_over(database: Database) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    await database[LOCKS].insert_one({"_id": "apply", "owner": "a dead process", "expires_at": long_ago})
    await database["users"].drop_index("created_at")

    plan = await apply_indexes(database)

    assert kinds(plan) == [ActionKind.CREATE_INDEX]
    assert await database[LOCKS].count_documents({}) == 0
