"""Writes beside a transaction that a killed process has left open."""

from collections.abc import AsyncIterator

import pytest
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.database import Database
from docustore.users import bounded
from tests.integration.api.conftest import Client, create

KEY = {"idempotency-key": "k1"}
ADA = {"email": "ada@example.org"}


@pytest.fixture
async def orphan(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncClientSession]:
    """A transaction that nobody ends."""
    monkeypatch.setattr(bounded, "LIMIT_S", 0.3)
    async with database.client.start_session() as session:
        await session.start_transaction()
        yield session
        if session.in_transaction:
            await session.abort_transaction()


async def test_key_of_an_open_transaction_is_told_to_wait(
    api: Client, database: Database, orphan: AsyncClientSession
) -> None:
    """Earlier releases held their keys in transactions, and run beside this one during an update."""
    await api.post("/users", json={"email": "grace@example.org"}, headers=KEY)
    first = await database["idempotency_keys"].find_one({})
    assert first is not None
    await database["idempotency_keys"].insert_one(
        first | {"_id": first["_id"].replace("k1", "k2")}, session=orphan
    )

    held_up = await api.post("/users", json=ADA, headers={"idempotency-key": "k2"})
    await orphan.abort_transaction()
    repeated = await api.post("/users", json=ADA, headers={"idempotency-key": "k2"})

    assert held_up.status_code == 503
    assert held_up.json()["type"] == "/problems/write-held-up"
    assert held_up.headers["retry-after"] == "5"
    assert repeated.status_code == 201


async def test_address_of_an_open_transaction_is_told_to_wait(
    api: Client, database: Database, orphan: AsyncClientSession
) -> None:
    """With and without a key, for a new user and for a changed one."""
    user = await create(api, email="grace@example.org")
    await database["users"].insert_one({**ADA, "deleted_at": None}, session=orphan)

    answers = [
        await api.post("/users", json=ADA),
        await api.post("/users", json=ADA, headers=KEY),
        await api.patch(f"/users/{user['id']}", json=ADA, headers={"if-match": "*"}),
    ]

    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert {answer.json()["type"] for answer in answers} == {"/problems/write-held-up"}
    assert await database["users"].count_documents(ADA) == 0
