"""A process of the API is killed while it creates a user with a key."""

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from httpx2 import AsyncClient, HTTPError
from pymongo.read_concern import ReadConcern

from docustore.config import Settings
from docustore.database import Database
from docustore.security.api_keys import create_key
from docustore.security.models import Scope
from tests.api_process import ApiProcess
from tests.waiting import until

pytestmark = pytest.mark.chaos
ADA = {"email": "ada@example.org"}


async def _inserts(database: Database) -> list[int]:
    """The inserts into `users` that the server has not ended."""
    running = {"$match": {"ns": f"{database.name}.users", "op": "insert"}}
    admin = database.client.get_database("admin", read_concern=ReadConcern("local"))
    operations = await admin.aggregate([{"$currentOp": {}}, running])
    return [operation["opid"] async for operation in operations]


async def _send(process: ApiProcess, headers: dict[str, str]) -> tuple[int, str | None, str | None]:
    async with AsyncClient(base_url=process.url, timeout=60) as client:
        answer = await client.post("/users", json=ADA, headers=headers)
        return answer.status_code, answer.json().get("id"), answer.headers.get("idempotent-replayed")


async def test_repeat_of_a_killed_create_makes_the_user(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    """Nothing is left open, so the first repetition is answered."""
    new = await create_key(name="writer", scope=Scope.WRITE)
    headers = {"authorization": f"Bearer {new.key}", "idempotency-key": "k1"}
    rows = database["idempotency_keys"].with_options(read_concern=ReadConcern("local"))
    async with AsyncExitStack() as stack:
        killed, other = (ApiProcess(settings, tmp_path / f"api{n}.log", stack) for n in range(2))
        await asyncio.gather(killed.start(), other.start())
        session = await stack.enter_async_context(database.client.start_session())
        # An open transaction with the address stops the request between its two inserts.
        async with await session.start_transaction():
            await database["users"].insert_one({**ADA, "deleted_at": None}, session=session)
            cut = asyncio.create_task(_send(killed, headers))
            await until(lambda: rows.find_one({}), what="the row of the key")
            await until(lambda: _inserts(database), what="the insert of the user")
            await killed.kill()
            for operation in await _inserts(database):
                await database.client.admin.command("killOp", op=operation)
            await until(lambda: _none(database), what="the end of the insert")
            await session.abort_transaction()
        with suppress(HTTPError):
            await cut
        row = await rows.find_one({})
        assert await database["users"].count_documents({}) == 0

        repeated, again = await _send(other, headers), await _send(other, headers)

    assert row is not None
    assert repeated == (201, str(row["user_id"]), None)
    assert again == (201, str(row["user_id"]), "true")
    assert await database["users"].count_documents({}) == 1


async def _none(database: Database) -> bool:
    return not await _inserts(database)
