"""Attackers: guessed keys, and too many expensive requests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from redis.asyncio import Redis
from structlog.testing import capture_logs

from docustore.api.app import create_app
from docustore.config import Settings
from docustore.database import Database
from docustore.security import limiter, rate_limits
from docustore.security.api_keys import create_key
from docustore.security.limiter import Limiter
from docustore.security.models import Scope
from tests.integration.api.conftest import Client, started

QUOTA = 4
# On a busy machine a request of a quota per minute would be available again before the test has used all of them.
WINDOW_S = 3600
ORIGIN = {"origin": "http://api.test"}


@pytest.fixture
async def limited(
    database: Database, api_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Settings]:
    # On a busy machine Valkey may answer too late, and then each process counts by itself.
    monkeypatch.setattr(limiter, "TIMEOUT_S", 30.0)
    monkeypatch.setattr(rate_limits, "WINDOW_S", WINDOW_S)
    settings = api_settings.model_copy(
        update={
            "auth_failures_per_min": QUOTA,
            "password_writes_per_min": QUOTA,
            "searches_per_min": QUOTA,
            "exports_per_min": QUOTA,
            "queries_per_min": QUOTA,
            "trusted_proxies": ("10.0.0.0/8",),
        }
    )
    async with Redis.from_url(str(settings.redis_url)) as valkey:
        await Limiter(valkey, settings).clear(None)
        yield settings
        await Limiter(valkey, settings).clear(None)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Callable[..., Client]]:
    """An API; the function yielded makes clients with the given address."""
    app = create_app(settings)

    def client(address: str = "192.0.2.1", **headers: str) -> Client:
        transport = ASGITransport(app=app, raise_app_exceptions=False, client=(address, 4711))
        return AsyncClient(transport=transport, base_url="http://api.test", headers=headers)

    async with started(app):
        yield client


async def guess(client: Client, times: int) -> list[int]:
    answers = await asyncio.gather(
        *(client.get("/users", headers={"authorization": f"Bearer dsk_a_{number}"}) for number in range(times))
    )
    return sorted(answer.status_code for answer in answers)


async def test_guesses_are_limited_over_all_processes(limited: Settings) -> None:
    async with serving(limited) as one, serving(limited) as two:
        statuses = [*await guess(one(), 10), *await guess(two(), 10)]

    assert (statuses.count(401), statuses.count(429)) == (QUOTA, 20 - QUOTA)


async def test_wrong_sign_ins_and_missing_keys_count_too(limited: Settings) -> None:
    async with serving(limited) as client:
        wrong = [await client().post("/login", json={"key": "dsk_a_b"}, headers=ORIGIN) for _ in range(QUOTA - 2)]
        used = await client().post("/login", json={"token": "guessed"}, headers=ORIGIN)
        missing = await client().get("/users")
        blocked = await client().post("/login", json={"key": "dsk_a_b"}, headers=ORIGIN)

    assert {answer.status_code for answer in (*wrong, used, missing)} == {401}
    assert blocked.status_code == 429


async def test_refusal_names_quota_and_time(limited: Settings) -> None:
    async with serving(limited) as client:
        first = await client().get("/users")
        await guess(client(), QUOTA)
        blocked = await client().get("/users")

    assert first.headers["ratelimit-policy"] == f'"auth";q={QUOTA};w={WINDOW_S}'
    assert first.headers["ratelimit"].startswith(f'"auth";r={QUOTA - 1};t=')
    assert blocked.headers["content-type"] == "application/problem+json"
    assert blocked.json()["type"] == "/problems/too-many-requests"
    assert 0 < int(blocked.headers["retry-after"]) <= WINDOW_S / QUOTA
    assert blocked.headers["ratelimit"].startswith('"auth";r=0;t=')


async def test_block_does_not_reach_proven_keys_and_other_addresses(limited: Settings) -> None:
    key = (await create_key(name="steady", scope=Scope.READ)).key
    bearer = {"authorization": f"Bearer {key}"}
    async with serving(limited) as client:
        await client().get("/users", headers=bearer)
        await guess(client(), QUOTA * 2)

        same = await client().get("/users", headers=bearer)
        other = await client("192.0.2.2").get("/users", headers=bearer)
        refused_elsewhere = await client("192.0.2.2").get("/users")

    assert (same.status_code, other.status_code, refused_elsewhere.status_code) == (200, 200, 401)
    assert "ratelimit" not in same.headers


async def test_block_does_not_reach_the_sign_in_with_a_proven_key(limited: Settings) -> None:
    """Otherwise an attacker behind the same address could lock people out of the page."""
    steady, new = [(await create_key(name="steady", scope=Scope.READ)).key for _ in range(2)]
    async with serving(limited) as client:
        await client().get("/users", headers={"authorization": f"Bearer {steady}"})
        await guess(client(), QUOTA * 2)

        answers = [await client().post("/login", json={"key": key}, headers=ORIGIN) for key in (steady, new)]

    assert [answer.status_code for answer in answers] == [204, 429]


async def test_valid_requests_at_once_are_not_limited(limited: Settings) -> None:
    """After a restart no key is proven, and all clients come back at once."""
    bearer = {"authorization": f"Bearer {(await create_key(name='steady', scope=Scope.READ)).key}"}
    async with serving(limited) as client:
        sender = client()
        answers = await asyncio.gather(*(sender.get("/users", headers=bearer) for _ in range(QUOTA * 10)))

    assert {answer.status_code for answer in answers} == {200}


async def test_valid_keys_use_no_quota(limited: Settings) -> None:
    keys = [(await create_key(name="many", scope=Scope.READ)).key for _ in range(QUOTA * 2)]
    async with serving(limited) as client:
        valid = [await client().get("/users", headers={"authorization": f"Bearer {key}"}) for key in keys]
        statuses = await guess(client(), QUOTA)

    assert {answer.status_code for answer in valid} == {200}
    assert statuses == [401] * QUOTA


async def test_spoofed_addresses_do_not_evade_the_limit(limited: Settings) -> None:
    async with serving(limited) as client:
        statuses = [
            (await client().get("/users", headers={"x-forwarded-for": f"198.51.100.{number}"})).status_code
            for number in range(QUOTA + 1)
        ]

    assert statuses == [401] * QUOTA + [429]


async def test_clients_behind_a_trusted_proxy_have_their_own_limit(limited: Settings) -> None:
    async with serving(limited) as client:
        proxy = client("10.0.0.5")
        statuses = [
            (await proxy.get("/users", headers={"x-forwarded-for": f"1.1.1.1, 198.51.100.{number}"})).status_code
            for number in range(QUOTA + 1)
        ]

    assert statuses == [401] * (QUOTA + 1)


async def test_failures_are_logged_without_the_key(limited: Settings) -> None:
    with capture_logs() as logs:
        async with serving(limited) as client:
            await client("192.0.2.77").post("/login", json={"key": "dsk_a_secret"}, headers=ORIGIN)
            await guess(client("192.0.2.77"), QUOTA * 3)

    refused = [entry for entry in logs if entry["event"] == "auth.refused"]
    blocked = [entry for entry in logs if entry["event"] == "auth.blocked"]
    assert len(refused) == QUOTA
    assert {entry["client"] for entry in refused} == {"192.0.2.77"}
    assert {entry["route"] for entry in refused} == {"/login", "/users"}
    assert len(blocked) == 1
    assert "dsk_" not in str(logs)


async def test_api_works_while_valkey_is_away(limited: Settings) -> None:
    key = (await create_key(name="steady", scope=Scope.READ)).key
    app = create_app(limited)
    async with started(app), Redis.from_url("redis://127.0.0.1:1") as away:
        app.state.limiter = Limiter(away, limited)
        async with AsyncClient(transport=ASGITransport(app=app), base_url="http://api.test") as client:
            search = await client.get("/users/search?q=ada", headers={"authorization": f"Bearer {key}"})
            statuses = await guess(client, QUOTA + 3)

    assert search.status_code == 200
    assert statuses == [401] * QUOTA + [429] * 3


async def test_searches_are_limited_per_key(limited: Settings) -> None:
    first, second = [(await create_key(name="s", scope=Scope.READ)).key for _ in range(2)]
    async with serving(limited) as client:

        async def search(key: str) -> Any:
            return await client().get("/users/search?q=ada", headers={"authorization": f"Bearer {key}"})

        answers = [await search(first) for _ in range(QUOTA + 1)]
        other = await search(second)

    assert [answer.status_code for answer in answers] == [200] * QUOTA + [429]
    assert answers[0].headers["ratelimit-policy"] == f'"search";q={QUOTA};w={WINDOW_S}'
    assert other.status_code == 200


async def test_questions_are_limited_per_key(limited: Settings) -> None:
    key = (await create_key(name="q", scope=Scope.READ)).key
    async with serving(limited) as client:
        api = client(authorization=f"Bearer {key}")
        answers = [await api.post("/analytics/query", json={"metrics": ["users"]}) for _ in range(QUOTA + 1)]

    assert [answer.status_code for answer in answers] == [200] * QUOTA + [429]
    assert answers[0].headers["ratelimit-policy"] == f'"query";q={QUOTA};w={WINDOW_S}'


@pytest.mark.parametrize(("method", "path"), [("GET", "/etl/quarantine/export"), ("POST", "/quality/run")])
async def test_full_readings_are_limited_per_key(limited: Settings, method: str, path: str) -> None:
    """An export and a full check read everything: a key must not start any number of them."""
    key = (await create_key(name="e", scope=Scope.ADMIN)).key
    async with serving(limited) as client:
        api = client(authorization=f"Bearer {key}")
        answers = [await api.request(method, path) for _ in range(QUOTA + 1)]

    assert [answer.status_code for answer in answers] == [200] * QUOTA + [429]
    assert answers[0].headers["ratelimit-policy"] == f'"export";q={QUOTA};w={WINDOW_S}'


async def test_writes_with_a_password_are_limited_per_key(limited: Settings) -> None:
    key = (await create_key(name="w", scope=Scope.WRITE)).key
    async with serving(limited) as client:
        api = client(authorization=f"Bearer {key}")
        with_password = [
            (await api.post("/users", json={"email": f"u{number}@example.org", "password": "p" * 8})).status_code
            for number in range(QUOTA + 1)
        ]
        without = await api.post("/users", json={"email": "last@example.org"})
        user = without.json()["id"]
        patched = await api.patch(f"/users/{user}", json={"password": "p" * 8}, headers={"if-match": "*"})

    assert with_password == [201] * QUOTA + [429]
    assert (without.status_code, patched.status_code) == (201, 429)
