"""Search finds the users of every client, and equals a scan of all of them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.effects.search import UserSearchEffect
from docustore.changes.effects_control import rebuild_effect
from docustore.changes.listener import listen
from docustore.changes.verify import start_repair, verify
from docustore.config import Settings
from docustore.database import Database
from docustore.etl.models import RunOptions, RunTrigger
from docustore.etl.run import RunEnvironment, execute_run
from docustore.etl.schedule import create_run
from docustore.source_settings import SourceSettings
from docustore.users.search_index import USER_SEARCH, index_filter, search_document
from docustore.users.search_words import matches, query_parts, user_words
from tests.integration.api.conftest import Client, create
from tests.integration.etl.conftest import write_ndjson
from tests.listening import listening, make_user
from tests.searching import assert_index_is_fresh, until_searchable
from tests.waiting import until

FIRST = ["Anna", "Łukasz", "Дмитрий", "Zoë", "Jean-Luc", "Mary Ann", "小明", "민준", "Bo", ""]
LAST = ["McDonald", "O'Brien", "Lovelace", "van der Berg", "王", "김", "Ó Súilleabháin", "Ng", "D'Angelo"]


async def search(api: Client, text: str, **params: Any) -> dict[str, Any]:
    response = await api.get("/users/search", params={"q": text, "limit": 100, **params})
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


async def found(api: Client, text: str, **params: Any) -> list[str]:
    return [user["id"] for user in (await search(api, text, **params))["users"]]


async def fail_index(database: Database) -> None:
    """Let the listener give the index up, so that it stays as it is."""
    failed = {"$set": {"state": "failed"}, "$inc": {"fence": 1}}
    await database["change_effects"].update_one({"_id": USER_SEARCH}, failed)


@pytest.fixture
async def listener(database: Database, settings: Settings) -> AsyncIterator[None]:
    async with listening(database, settings):
        yield


@pytest.mark.usefixtures("listener")
async def test_users_of_other_clients_are_found(api: Client, database: Database) -> None:
    """By any part of a word; other clients write no search terms."""
    donald, brien, wang = users = [make_user(last_name=name) for name in ("McDonald", "O'Brien", "王小明")]
    await database["users"].insert_many(users)
    await until_searchable(database)

    assert await found(api, "donald") == [str(donald["_id"])]
    assert await found(api, f"{donald['_id']}@exam") == [str(donald["_id"])]
    assert await found(api, "obrien") == [str(brien["_id"])]
    assert await found(api, "小") == await found(api, "xiaom") == [str(wang["_id"])]
    assert (await search(api, "donald"))["substrings"] == "live"


async def test_own_write_is_found_at_once(api: Client) -> None:
    """By the begin of a word, without a listener."""
    user = await create(api, "mc@example.org", last_name="McDonald")

    page = await search(api, "mcdon")

    assert ([each["id"] for each in page["users"]], page["total"], page["substrings"]) == (
        [user["id"]],
        1,
        "building",
    )
    assert await found(api, "donald") == []


@pytest.mark.usefixtures("listener")
async def test_changed_user_is_not_found_by_its_old_name(api: Client, database: Database) -> None:
    """Also before the index has met the change."""
    renamed, deleted, kept = [await create(api, f"u{n}@x.org", last_name="McDonald") for n in range(3)]
    await until_searchable(database)
    await fail_index(database)

    await api.patch(f"/users/{renamed['id']}", json={"last_name": "Smith"}, headers={"if-match": '"1"'})
    await api.delete(f"/users/{deleted['id']}", headers={"if-match": '"1"'})
    page = await search(api, "donald")

    assert ([user["id"] for user in page["users"]], page["total"]) == ([kept["id"]], 1)
    assert page["substrings"] == "failed"


@pytest.mark.usefixtures("listener")
async def test_pages_of_both_sources_have_no_duplicates(api: Client, database: Database) -> None:
    """Some users match only in `users`, some only in the index, most in both."""
    for number in range(12):
        await create(api, f"donald{number}@x.org", last_name="Donald")
    await database["users"].insert_many([make_user(last_name="McDonald") for _ in range(9)])
    await until_searchable(database)
    await fail_index(database)
    some = await database[USER_SEARCH].find({"words": "donald"}).limit(4).to_list()
    await database[USER_SEARCH].delete_many({"_id": {"$in": [each["_id"] for each in some]}})

    whole = await search(api, "donald")
    pages, cursor = [], None
    while True:
        page = await search(api, "donald", limit=4, **({"cursor": cursor} if cursor else {}))
        pages += page["users"]
        if (cursor := page["next_cursor"]) is None:
            break
    by_offset = [
        user for start in range(0, 21, 4) for user in (await search(api, "donald", limit=4, offset=start))["users"]
    ]

    assert whole["total"] == 21
    assert pages == by_offset == whole["users"]
    assert len({user["id"] for user in pages}) == 21


async def test_rename_during_a_rebuild(api: Client, database: Database, settings: Settings) -> None:
    """With a kill in the middle: the index ends as a fresh one."""
    users = [make_user(last_name=LAST[n % len(LAST)]) for n in range(60)]
    await database["users"].insert_many(users)
    async with listening(database, settings):
        await until_searchable(database)
    await rebuild_effect(database, USER_SEARCH, actor="cli:ada", effects=EFFECTS, derived=DERIVED)
    killed = asyncio.create_task(listen(database, settings, stop=asyncio.Event()))
    await until(lambda: database["change_effects"].find_one({"_id": USER_SEARCH, "owner": {"$ne": None}}))
    await database["users"].update_one({"_id": users[0]["_id"]}, {"$set": {"last_name": "Turing"}})
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    await database["change_effects"].update_one({"_id": USER_SEARCH}, [{"$set": {"lease_expires_at": "$$NOW"}}])
    await database["change_positions"].update_one({}, [{"$set": {"lease_expires_at": "$$NOW"}}])
    async with listening(database, settings):
        await database["users"].update_one({"_id": users[1]["_id"]}, {"$set": {"last_name": "Hopper"}})
        await database["users"].delete_one({"_id": users[2]["_id"]})
        await until_searchable(database)

    await assert_index_is_fresh(database)
    assert await found(api, "turin") == [str(users[0]["_id"])]


async def test_verify_finds_and_repairs_the_index(database: Database, settings: Settings) -> None:
    users = [make_user() for _ in range(9)]
    await database["users"].insert_many(users)
    async with listening(database, settings):
        await until_searchable(database)
        assert (await verify(database, EFFECTS, [effect(settings) for effect in DERIVED])).differences == []
        await database[USER_SEARCH].update_one({"_id": users[0]["_id"]}, {"$set": {"words": ["other"]}})
        await database[USER_SEARCH].delete_one({"_id": users[1]["_id"]})

        wrong = await verify(database, EFFECTS, [effect(settings) for effect in DERIVED])
        await start_repair(database, wrong, EFFECTS, DERIVED, actor="cli:ada")
        await until_searchable(database)
        right = await verify(database, EFFECTS, [effect(settings) for effect in DERIVED])

    assert (wrong.differences, wrong.derived) == (["user_search is wrong for 2 users"], (USER_SEARCH,))
    assert right.differences == []
    await assert_index_is_fresh(database)
    assert await database["change_gaps"].find_one() is None


@pytest.mark.parametrize("seed", range(2))
async def test_search_equals_a_scan(
    api: Client, database: Database, settings: Settings, tmp_path: Path, seed: int
) -> None:
    """After a random history of changes by the API, the ETL and other clients."""
    random = Random(seed)
    async with listening(database, settings):
        for round_ in range(3):
            await _change_by_api(api, random)
            await _change_by_etl(database, settings, random, tmp_path / f"{round_}.ndjson")
            await _change_by_others(database, random)
        await until_searchable(database)
        users = await database["users"].find({"deleted_at": None}).to_list()
        texts = [text for user in random.sample(users, min(12, len(users))) for text in _substrings(user, random)]

        for text in [*texts, "mc donald", "王 小", "zzzz", "an", "17"]:
            expected = {str(user["_id"]) for user in users if _is_match(user, text)}
            page = await search(api, text)
            ids = {user["id"] for user in page["users"]}
            assert ids == expected, text
            assert page["total"] == len(ids)
    await assert_index_is_fresh(database)


def _is_match(user: dict[str, Any], text: str) -> bool:
    words = user_words(**{name: user.get(name) for name in ("email", "first_name", "last_name")})
    parts = query_parts(text)
    return bool(parts) and all(matches(words, part) for part in parts)


def _substrings(user: dict[str, Any], random: Random) -> list[str]:
    source = random.choice([user["first_name"] or "a", user["last_name"], user["email"]])
    start = random.randrange(len(source))
    piece = source[start : start + random.randint(1, 6)]
    return [piece] if any(char.isalnum() for char in piece) else []


def _names(random: Random) -> dict[str, str]:
    return {"first_name": random.choice(FIRST), "last_name": random.choice(LAST)}


async def _change_by_api(api: Client, random: Random) -> None:
    for number in range(4):
        user = await create(api, f"api{random.randrange(10**6)}.{number}@example.org", **_names(random))
        if number % 2:
            await api.patch(f"/users/{user['id']}", json=_names(random), headers={"if-match": '"1"'})
        elif number:
            await api.delete(f"/users/{user['id']}", headers={"if-match": '"1"'})


async def _change_by_etl(database: Database, settings: Settings, random: Random, path: Path) -> None:
    records = [
        {
            "id": number,
            "email": f"crm{number}@mail.example.com",
            **{name: value or "X" for name, value in _names(random).items()},
            "modified_at": datetime.now(UTC).isoformat(),
        }
        for number in range(8)
    ]
    run = await create_run("crm", trigger=RunTrigger.CLI, options=RunOptions(full=True), now=datetime.now(UTC))
    environment = RunEnvironment(database=database, settings=settings, owner="test")
    source = SourceSettings(kind="file", url=str(write_ndjson(path, records)))
    ended = await execute_run(str(run.id), source, environment)
    assert ended.state == "succeeded", ended.error


async def _change_by_others(database: Database, random: Random) -> None:
    made = [make_user(email=f"ext{random.randrange(10**6)}@buecher.example", **_names(random)) for _ in range(5)]
    await database["users"].insert_many(made)
    await database["users"].update_one({"_id": made[0]["_id"]}, {"$set": _names(random)})
    await database["users"].delete_one({"_id": made[1]["_id"]})
    ids = [each["_id"] async for each in database["users"].find({}, {"_id": 1})]
    await database["users"].update_one({"_id": random.choice(ids)}, {"$set": _names(random)})


async def test_search_of_the_index_uses_it(database: Database) -> None:
    """Newest first without a sort, and no user that does not match is read."""
    users = [
        make_user(email=f"u{n}@example.org", last_name="McDonald" if n % 50 == 0 else f"Name{chr(97 + n % 26)}")
        for n in range(600)
    ]
    effect = UserSearchEffect(Settings())
    await database[USER_SEARCH].insert_many([{"_id": u["_id"], **(search_document(u) or {})} for u in users])
    async with database.client.start_session() as session:
        await effect._add_atoms(database, {"mcdonald"}, session)
    matching = await index_filter(database, query_parts("donald"), status=None)
    assert matching is not None

    plan = await (
        database[USER_SEARCH].find(matching, {"_id": 1}, sort=[("created_at", -1), ("_id", -1)]).limit(5).explain()
    )

    assert plan["executionStats"]["totalKeysExamined"] <= 12
    assert "SORT" not in _stages(plan["queryPlanner"]["winningPlan"])


def _stages(plan: dict[str, Any]) -> set[str]:
    inner = [*plan.get("inputStages", ()), *([plan["inputStage"]] if "inputStage" in plan else ())]
    return {plan["stage"]}.union(*(_stages(each) for each in inner))
