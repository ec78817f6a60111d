"""A search looks by terms for the users that the index may not hold yet."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.changes.search_reach import search_complete_until
from docustore.config import Settings
from docustore.database import Database
from docustore.users.recent_matches import CLOCKS_DIFFER_BY, MAX_RECENT, RecentUsers
from docustore.users.search_index import USER_SEARCH
from tests.integration.api.conftest import Client, create
from tests.integration.api.test_search import fail_index, found
from tests.listening import listening, make_user
from tests.searching import until_searchable

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def store_with_unindexed_user(database: Database, settings: Settings) -> str:
    """Make a user of long ago that the index lacks; return its id."""
    user = make_user(last_name="Hopper", search_terms=["hopper"], updated_at=LONG_AGO)
    await database["users"].insert_one(user)
    async with listening(database, settings):
        await until_searchable(database)
    await database[USER_SEARCH].delete_one({"_id": user["_id"]})
    return str(user["_id"])


async def test_a_live_index_is_trusted(api: Client, database: Database, settings: Settings) -> None:
    """With an index that may lack something, all users are looked for by terms."""
    user_id = await store_with_unindexed_user(database, settings)

    trusted = await found(api, "hopp")
    await fail_index(database)

    assert (trusted, await found(api, "hopp")) == ([], [user_id])


async def test_own_write_is_found_while_the_listener_is_away(
    api: Client, database: Database, settings: Settings
) -> None:
    """By the rule of the index: two letters begin a name, and no part of a domain."""
    await store_with_unindexed_user(database, settings)
    made = await create(api, "g@hornbill.example", last_name="Hopkins")
    await create(api, "ada@hornbill.example", last_name="Lovelace")

    assert await found(api, "ho") == await found(api, "hop") == [made["id"]]


@pytest.mark.parametrize("partitions", [1, 2])
async def test_every_own_write_is_found_at_once(
    api: Client, database: Database, settings: Settings, partitions: int
) -> None:
    """New and renamed users, while other clients write and the index follows."""
    several = settings.model_copy(update={"changes_partitions": partitions})
    missed = []
    async with listening(database, several):
        await until_searchable(database)
        for number in range(60):
            await database["users"].insert_many([make_user() for _ in range(10)])
            user = await create(api, f"{number}@own.example", last_name=f"Fresh{letters(number)}")
            missed += [] if await found(api, f"fresh{letters(number)}") == [user["id"]] else [("new", number)]
            renamed = {"last_name": f"Renamed{letters(number)}"}
            await api.patch(f"/users/{user['id']}", json=renamed, headers={"if-match": '"1"'})
            if await found(api, f"renamed{letters(number)}") != [user["id"]]:
                missed.append(("renamed", number))
            if await found(api, f"fresh{letters(number)}"):
                missed.append(("old name", number))

    assert missed == []


def letters(number: int) -> str:
    """Write a number in two letters."""
    return chr(97 + number // 26) + chr(97 + number % 26)


async def test_change_that_could_not_be_applied_makes_the_index_doubtful(
    api: Client, database: Database, settings: Settings
) -> None:
    user_id = await store_with_unindexed_user(database, settings)
    await database["change_dead_letters"].insert_one({"_id": "one", "state": "failed"})

    assert await found(api, "hopp") == [user_id]


async def test_search_works_before_the_deploy_step(api: Client, database: Database, settings: Settings) -> None:
    user_id = await store_with_unindexed_user(database, settings)
    await database["users"].drop_index("updated_at")

    assert await found(api, "hopp") == [user_id]


async def test_of_many_recent_users_none_is_read(database: Database) -> None:
    """The index of the terms finds the matches faster then."""
    now = datetime.now(UTC)
    users: list[dict[str, Any]] = [make_user(updated_at=now) for _ in range(MAX_RECENT)]
    await database["users"].insert_many(users)

    async def complete_until(_: Database) -> datetime:
        return now

    few = await RecentUsers(complete_until).filter(database)
    await database["users"].insert_one(make_user(updated_at=now - CLOCKS_DIFFER_BY + timedelta(seconds=1)))
    many = await RecentUsers(complete_until).filter(database)

    assert few == {"updated_at": {"$gte": now - CLOCKS_DIFFER_BY}}
    assert many is None


async def test_index_is_complete_up_to_a_caught_up_listener(database: Database, settings: Settings) -> None:
    started = datetime.now(UTC)
    async with listening(database, settings):
        await database["users"].insert_one(make_user())
        await until_searchable(database)

        until = await search_complete_until(database)

    assert until is not None
    assert started - timedelta(seconds=5) <= until <= datetime.now(UTC)
