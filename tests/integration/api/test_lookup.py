"""Concurrent reads of single users share queries with unchanged results."""

import asyncio

from bson import ObjectId

from docustore.errors import NotFoundError, UserGoneError
from docustore.users.lookup import UserLookup
from tests.integration.api.conftest import Client, create


async def test_concurrent_reads_return_their_own_users(api: Client) -> None:
    users = [await create(api, f"user{number}@example.org") for number in range(20)]

    answers = await asyncio.gather(*(api.get(f"/users/{user['id']}") for user in users * 3))

    assert [answer.json() for answer in answers] == users * 3


async def test_invalid_id_does_not_affect_other_reads(api: Client) -> None:
    gone, there = await create(api, "gone@example.org"), await create(api, "there@example.org")
    await api.delete(f"/users/{gone['id']}", headers={"if-match": "*"})
    lookup = UserLookup()

    results = await asyncio.gather(
        lookup.find(gone["id"]),
        lookup.find(str(ObjectId())),
        lookup.find("malformed"),
        lookup.find(there["id"]),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [UserGoneError, NotFoundError, NotFoundError, dict]


async def test_read_sees_the_write_before_it(api: Client) -> None:
    user = await create(api)
    for number in range(20):
        name = f"N{number}"
        busy = [asyncio.create_task(api.get(f"/users/{user['id']}")) for _ in range(5)]
        await api.patch(f"/users/{user['id']}", json={"first_name": name}, headers={"if-match": "*"})

        assert (await api.get(f"/users/{user['id']}")).json()["first_name"] == name
        await asyncio.gather(*busy)
