"""Passwords: hashed once per write, never for a write that fails, and never without a bound."""

import asyncio
from typing import Any

import pytest

from docustore.database import Database
from docustore.errors import PasswordsBusyError
from docustore.security import passwords
from docustore.security.passwords import PasswordHashing
from docustore.users.new_password import NewPassword
from docustore.users.schemas import parse_user
from tests.integration.api.conftest import Client, create

PASSWORD = "long enough"


class CountedHashes:
    def __init__(self) -> None:
        self.made = 0

    async def hash(self, password: str) -> str:
        self.made += 1
        return f"hash of {len(password)} characters"


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> CountedHashes:
    counted = CountedHashes()
    monkeypatch.setattr(passwords, "_HASHING", counted)
    return counted


async def test_taken_address_costs_no_hash(api: Client, hashes: CountedHashes) -> None:
    await create(api, "ada@example.org")
    other = await create(api, "joe@example.org")
    taken = {"email": "ada@example.org", "password": PASSWORD}

    answers = [
        await api.post("/users", json=taken),
        await api.post("/users", json=taken, headers={"idempotency-key": "k"}),
        await api.put(f"/users/{other['id']}", json=taken, headers={"if-match": "*"}),
        await api.patch(f"/users/{other['id']}", json=taken, headers={"if-match": "*"}),
    ]

    assert [answer.status_code for answer in answers] == [409] * 4
    assert hashes.made == 0


async def test_own_address_is_not_taken(api: Client, database: Database, hashes: CountedHashes) -> None:
    user = await create(api, "ada@example.org", password=PASSWORD)
    body = {"email": "ada@example.org", "password": PASSWORD}

    response = await api.put(f"/users/{user['id']}", json=body, headers={"if-match": "*"})

    stored = await database["users"].find_one()
    assert response.status_code == 200
    assert hashes.made == 2
    assert stored is not None
    assert stored["password_hash"].startswith("hash of")


async def test_stale_version_costs_no_hash(api: Client, hashes: CountedHashes) -> None:
    user = await create(api)

    response = await api.patch(f"/users/{user['id']}", json={"password": PASSWORD}, headers={"if-match": '"7"'})

    assert (response.status_code, hashes.made) == (412, 0)


async def test_retried_write_hashes_once(api: Client, hashes: CountedHashes) -> None:
    given, write = parse_user({"email": "a@example.org", "password": PASSWORD}), NewPassword()

    made = {await write.hash_of(given) for _ in range(3)}

    assert (len(made), hashes.made) == (1, 1)


async def test_full_queue_is_refused_at_once() -> None:
    hashing = PasswordHashing(slots=1, max_waiting=2)

    outcomes = await asyncio.gather(*(hashing.hash(PASSWORD) for _ in range(10)), return_exceptions=True)
    later = await hashing.hash(PASSWORD)

    assert sum(isinstance(outcome, PasswordsBusyError) for outcome in outcomes) == 7
    assert sum(isinstance(outcome, str) for outcome in outcomes) == 3
    assert later.startswith("$argon2id$")


async def test_busy_hashing_is_503_with_retry_after(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_HASHING", PasswordHashing(slots=0, max_waiting=0))

    response: Any = await api.post("/users", json={"email": "a@example.org", "password": PASSWORD})

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["type"] == "/problems/passwords-busy"
