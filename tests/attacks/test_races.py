"""Requests at the same time to two processes."""

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

from httpx2 import AsyncClient, Response

ROUNDS = 10
AT_ONCE = 4
KEYS = 100
# Each request hashes its password.
PASSWORDS = 3


async def created(writers: list[AsyncClient], bodies: list[dict[str, Any]], **request: Any) -> list[Response]:
    """Send the bodies at the same time, in turn to each process."""
    turns = enumerate(bodies)
    return await asyncio.gather(
        *(writers[n % len(writers)].post("/users", json=body, **request) for n, body in turns)
    )


async def test_one_email_is_created_once(writers: list[AsyncClient]) -> None:
    """Two spellings of an address are one address."""
    for _ in range(ROUNDS):
        name = uuid4().hex
        bodies = [{"email": f"{name}@example.org"}, {"email": f"{name.upper()}@Example.org"}] * (AT_ONCE // 2)

        answers = await created(writers, bodies)

        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: AT_ONCE - 1}


async def test_one_version_is_written_once(writers: list[AsyncClient], email: str) -> None:
    user = (await writers[0].post("/users", json={"email": email})).json()
    url = f"/users/{user['id']}"
    for version in range(1, ROUNDS + 1):
        headers = {"if-match": f'"{version}"'}
        answers = await asyncio.gather(
            *(
                writers[n % len(writers)].patch(url, json={"first_name": f"{version}-{n}"}, headers=headers)
                for n in range(AT_ONCE)
            )
        )
        assert Counter(answer.status_code for answer in answers) == {200: 1, 412: AT_ONCE - 1}


async def test_one_idempotency_key_creates_one_user(writers: list[AsyncClient]) -> None:
    for _ in range(KEYS):
        name = uuid4().hex
        bodies: list[dict[str, Any]] = [{"email": f"{name}@example.org"}] * len(writers)

        answers = await created(writers, bodies, headers={"idempotency-key": name})

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1


async def test_one_key_with_a_password_creates_one_user(writers: list[AsyncClient]) -> None:
    """The second request may find the address taken before it finds the key."""
    for _ in range(PASSWORDS):
        name = uuid4().hex
        body = {"email": f"{name}@example.org", "password": "correct horse battery"}
        bodies: list[dict[str, Any]] = [body] * len(writers)

        answers = await created(writers, bodies, headers={"idempotency-key": name})

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1
