"""The header `Idempotency-Key` of `POST /users`."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from bson import ObjectId
from httpx2 import Response
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.read_concern import ReadConcern

from docustore.database import Database
from docustore.users.idempotency_rows import mark_made
from tests.integration.api.conftest import Client

ADA = {"email": "ada@example.org", "first_name": "Ada", "password": "correct horse battery"}


def rows(database: Database) -> AsyncCollection[dict[str, Any]]:
    """The stored rows of keys, also those that are not on the majority yet."""
    return database["idempotency_keys"].with_options(read_concern=ReadConcern("local"))


async def post(api: Client, key: str, **changes: Any) -> Response:
    return await api.post("/users", json={**ADA, **changes}, headers={"idempotency-key": key})


async def test_repeat_returns_the_first_user(api: Client, database: Database) -> None:
    first = await post(api, "k1")
    repeated = await post(api, "k1")

    assert first.status_code == repeated.status_code == 201
    assert repeated.json() == first.json()
    assert [repeated.headers[name] for name in ("etag", "location")] == [
        first.headers[name] for name in ("etag", "location")
    ]
    assert await database["users"].count_documents({}) == 1


async def test_concurrent_repeats_create_one_user(api: Client, database: Database) -> None:
    answers = await asyncio.gather(*(post(api, "k1") for _ in range(8)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await database["users"].count_documents({}) == 1


async def test_key_with_another_request_is_refused(api: Client) -> None:
    await post(api, "k1")

    other = await post(api, "k1", first_name="Augusta")

    assert other.status_code == 422
    assert other.json()["type"] == "/problems/idempotency-key-reused"


async def test_refused_request_does_not_bind_its_key(api: Client) -> None:
    """A key is bound only when a user is created.

    The client may fix its request and retry, or wait until the e-mail address is free.
    """
    taken = (await post(api, "k1")).json()
    refused = await post(api, "k2")
    await api.delete(f"/users/{taken['id']}", headers={"if-match": "*"})

    repeated = await post(api, "k2")

    assert [refused.status_code, repeated.status_code] == [409, 201]
    assert repeated.json()["id"] != taken["id"]


@pytest.fixture
async def only_ada(database: Database) -> AsyncIterator[None]:
    """A rule that an operator has added to the validator."""
    [users] = await (await database.list_collections(filter={"name": "users"})).to_list()
    await database.command("collMod", "users", validator={"first_name": "Ada"})
    yield
    await database.command("collMod", "users", validator=users["options"]["validator"])


@pytest.mark.usefixtures("only_ada")
async def test_refusal_leaves_no_row(api: Client, database: Database) -> None:
    await post(api, "k1")

    taken = await post(api, "k2", first_name="Ada")
    refused = await post(api, "k3", email="grace@example.org", first_name="Grace")

    assert [taken.status_code, refused.status_code] == [409, 409]
    assert await rows(database).count_documents({}) == 1


async def cut(database: Database, *, at: str) -> dict[str, Any]:
    """Make the store what a process leaves that was killed at that point; return the row."""
    if at == "before the user":
        await database["users"].delete_many({})
    await rows(database).update_one({}, {"$set": {"made": False}})
    row = await rows(database).find_one({})
    assert row
    return row


async def test_repeat_makes_the_missing_user(api: Client, database: Database) -> None:
    await post(api, "k1")
    row = await cut(database, at="before the user")

    refused = await post(api, "k1", password="another long password")
    repeated, again = await post(api, "k1"), await post(api, "k1")

    assert refused.status_code == 422
    assert [repeated.status_code, again.status_code] == [201, 201]
    assert repeated.json()["id"] == again.json()["id"] == str(row["user_id"])
    assert "idempotent-replayed" not in repeated.headers
    assert again.headers["idempotent-replayed"] == "true"
    user = await database["users"].find_one({})
    assert user
    assert user["password_hash"] == row["password_hash"]


async def test_repeat_finds_the_unmarked_user(api: Client, database: Database) -> None:
    first = await post(api, "k1")
    await cut(database, at="after the user")

    repeated = await post(api, "k1")

    assert repeated.json() == first.json()
    assert repeated.headers["idempotent-replayed"] == "true"
    row = await rows(database).find_one({})
    assert row
    assert row["made"] is True


async def test_address_taken_after_the_cut_frees_the_key(api: Client, database: Database) -> None:
    await post(api, "k1")
    await cut(database, at="before the user")
    other = await post(api, "k2")

    refused = await post(api, "k1")
    await api.delete(f"/users/{other.json()['id']}", headers={"if-match": "*"})

    assert refused.json()["type"] == "/problems/email-taken"
    assert (await post(api, "k1")).status_code == 201


async def test_erased_user_does_not_come_back(api: Client, database: Database) -> None:
    """Not even if the process was killed before it marked the row: history has the user."""
    first = await post(api, "k1")
    row = await cut(database, at="before the user")
    await database["user_history"].insert_one({"_id": 1, "user_id": row["user_id"], "operation": "delete"})

    repeated = await post(api, "k1")

    assert [first.status_code, repeated.status_code] == [201, 404]
    assert await database["users"].count_documents({}) == 0


async def test_row_of_an_earlier_release_is_made(api: Client, database: Database) -> None:
    first = await post(api, "k1")
    await rows(database).update_one({}, {"$unset": {"made": 1}})

    replayed = await post(api, "k1")
    await database["users"].delete_many({})

    assert replayed.json() == first.json()
    assert (await post(api, "k1")).status_code == 404


async def test_mark_inserts_a_lost_row(api: Client, database: Database) -> None:
    """An election may lose a row that is not on the majority yet.

    The mark does not replace the row of another request.
    """
    first = await post(api, "k1")
    row = await rows(database).find_one({})
    assert row
    await rows(database).delete_many({})

    await mark_made(row)
    await mark_made(row | {"user_id": ObjectId()})

    assert await rows(database).find({}).to_list() == [row]
    assert (await post(api, "k1")).json() == first.json()


async def test_repeat_after_the_deletion_is_410(api: Client) -> None:
    user = (await post(api, "k1")).json()
    await api.delete(f"/users/{user['id']}", headers={"if-match": "*"})

    assert (await post(api, "k1")).status_code == 410


async def test_two_writers_may_use_one_key(api: Client, keys: dict[Any, str], database: Database) -> None:
    await post(api, "k1")
    api.headers["authorization"] = f"Bearer {keys['admin']}"

    answer = await post(api, "k1", email="grace@example.org")

    assert answer.status_code == 201
    assert await database["users"].count_documents({}) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "another long password"},
        {"password": None},
        {"email": "Ada@example.org"},
        {"first_name": " Ada"},
        {"roles": []},
        {"status": "suspended"},
        {"profile": {"bio": "x"}},
    ],
)
async def test_any_difference_of_the_body_counts(api: Client, changes: dict[str, Any]) -> None:
    """Also the password, and also what the service would normalise away."""
    await post(api, "k1")

    assert (await post(api, "k1", **changes)).json()["type"] == "/problems/idempotency-key-reused"


async def test_added_password_counts(api: Client) -> None:
    await post(api, "k1", password=None)

    assert (await post(api, "k1")).status_code == 422


async def test_media_type_counts(api: Client) -> None:
    await post(api, "k1")
    headers = {"idempotency-key": "k1", "content-type": "application/json; charset=utf-8"}

    other = await api.post("/users", content=json.dumps(ADA), headers=headers)

    assert other.status_code == 422


async def test_replayed_answer_says_so(api: Client) -> None:
    first, repeated = await post(api, "k1"), await post(api, "k1")

    assert "idempotent-replayed" not in first.headers
    assert repeated.headers["idempotent-replayed"] == "true"


async def test_later_password_does_not_count(api: Client) -> None:
    """The password of the first request is compared, not that of the user."""
    user = (await post(api, "k1")).json()
    patch = {"password": "changed in the meantime"}
    await api.patch(f"/users/{user['id']}", json=patch, headers={"if-match": "*"})

    assert (await post(api, "k1")).status_code == 201
    assert (await post(api, "k1", **patch)).status_code == 422


async def test_password_cannot_be_guessed_from_the_key(api: Client, database: Database) -> None:
    """Only its argon2 hash is stored. A fast hash would allow guessing."""
    await post(api, "k1")
    first = await rows(database).find_one({})
    await rows(database).delete_many({})
    await database["users"].delete_many({})
    await post(api, "k1", password="another long password")
    second = await rows(database).find_one({})

    assert first
    assert second
    assert first.keys() == {"_id", "request", "created_at", "user_id", "password_hash", "made"}
    assert first["request"] == second["request"]
    assert first["password_hash"].startswith("$argon2id$")


@pytest.mark.parametrize("key", ["", "a" * 256, "two words"])
async def test_malformed_key_is_400(api: Client, key: str) -> None:
    answer = await post(api, key)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/Idempotency-Key"
