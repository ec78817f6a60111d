"""Reads of single users share queries, and nobody notices."""

import asyncio

import pytest
from bson import ObjectId

from docustore.database import Database
from docustore.errors import NotFoundError, UserGoneError
from docustore.users.lookup import QUERIES_AT_ONCE, UserLookup
from tests.integration.api.conftest import Client, create


async def test_many_reads_at_once_answer_each_its_own(api: Client) -> None:
    users = [await create(api, f"user{number}@example.org") for number in range(20)]

    answers = await asyncio.gather(*(api.get(f"/users/{user['id']}") for user in users * 3))

    assert [answer.json() for answer in answers] == users * 3


async def test_one_bad_id_does_not_harm_the_others(api: Client) -> None:
    gone, there = await create(api, "gone@example.org"), await create(api, "there@example.org")
    await api.delete(f"/users/{gone['id']}", headers={"if-match": "*"})
    lookup = UserLookup()

    results = await asyncio.gather(
        lookup.find(gone["id"]),
        lookup.find(str(ObjectId())),
        lookup.find("nobody"),
        lookup.find(there["id"]),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [UserGoneError, NotFoundError, NotFoundError, dict]


async def test_reads_share_queries(api: Client, database: Database) -> None:
    ids = [(await create(api, f"user{number}@example.org"))["id"] for number in range(30)]
    profiled = {"profile": 2, "filter": {"op": "query", "ns": f"{database.name}.users"}}
    await database.command(profiled)

    lookup = UserLookup()
    await asyncio.gather(*(lookup.find(user_id) for user_id in ids))

    await database.command({"profile": 0})
    assert 1 <= await database["system.profile"].count_documents({}) <= QUERIES_AT_ONCE


async def test_client_that_hangs_up_takes_nobody_along(api: Client) -> None:
    user = await create(api)
    lookup = UserLookup()
    waiting = [asyncio.create_task(lookup.find(user["id"])) for _ in range(3)]
    await asyncio.sleep(0)

    waiting[0].cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    assert [(await task)["email"] for task in waiting[1:]] == [user["email"]] * 2


async def test_read_sees_the_write_before_it(api: Client) -> None:
    user = await create(api)
    for number in range(20):
        name = f"N{number}"
        busy = [asyncio.create_task(api.get(f"/users/{user['id']}")) for _ in range(5)]
        await api.patch(f"/users/{user['id']}", json={"first_name": name}, headers={"if-match": "*"})

        assert (await api.get(f"/users/{user['id']}")).json()["first_name"] == name
        await asyncio.gather(*busy)
