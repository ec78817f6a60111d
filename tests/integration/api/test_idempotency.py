"""The header `Idempotency-Key` of `POST /users`."""

import asyncio
import json
from typing import Any

import pytest
from httpx2 import Response

from docustore.database import Database
from tests.integration.api.conftest import Client

ADA = {"email": "ada@example.org", "first_name": "Ada", "password": "correct horse battery"}


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
    first = await database["idempotency_keys"].find_one({})
    await database["idempotency_keys"].delete_many({})
    await database["users"].delete_many({})
    await post(api, "k1", password="another long password")
    second = await database["idempotency_keys"].find_one({})

    assert first
    assert second
    assert first.keys() == {"_id", "request", "created_at", "user_id", "password_hash"}
    assert first["request"] == second["request"]
    assert first["password_hash"].startswith("$argon2id$")


@pytest.mark.parametrize("key", ["", "a" * 256, "two words"])
async def test_malformed_key_is_400(api: Client, key: str) -> None:
    answer = await post(api, key)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/Idempotency-Key"
