"""Cookies of sessions over https and behind proxies."""

from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient

from docustore.api.app import create_app
from docustore.config import Settings
from docustore.database import Database
from docustore.security.api_keys import create_key
from docustore.security.key_ring import KeyRing
from docustore.security.models import Scope
from tests.integration.api.conftest import signed_in, started

ORIGIN = {"origin": "http://api.test"}
HTTPS = {"origin": "https://api.test"}


@pytest.mark.parametrize(
    ("base_url", "peer", "headers", "is_secure"),
    [
        ("https://api.test", "192.0.2.1", HTTPS, True),
        ("http://api.test", "10.0.0.5", {**HTTPS, "x-forwarded-proto": "https"}, True),
        ("http://api.test", "10.0.0.5", ORIGIN, False),
        ("http://api.test", "192.0.2.1", {**ORIGIN, "x-forwarded-proto": "https"}, False),
    ],
)
async def test_cookie_is_secure_where_the_client_uses_https(
    database: Database, api_settings: Settings, base_url: str, peer: str, headers: Any, is_secure: bool
) -> None:
    app = create_app(api_settings.model_copy(update={"trusted_proxies": ("10.0.0.5",)}))
    transport = ASGITransport(app=app, client=(peer, 4711))
    async with started(app), AsyncClient(transport=transport, base_url=base_url) as client:
        key = (await create_key(name="me", scope=Scope.READ)).key
        login = await client.post("/login", json={"key": key}, headers=headers)
        cookie = login.headers["set-cookie"]
        name, _, rest = cookie.partition("=")
        sent = {**headers, "cookie": f"{name}={rest.partition(';')[0]}"}
        read = await client.get("/users", headers=sent)

    assert (login.status_code, read.status_code) == (204, 200)
    assert name == ("__Host-docustore_session" if is_secure else "docustore_session")
    assert ("secure" in cookie.lower()) is is_secure


async def test_cookie_of_another_host_of_the_domain_is_ignored(database: Database, api_settings: Settings) -> None:
    """Over https only the prefixed cookie counts: another host can set the plain one for the whole domain."""
    app = create_app(api_settings)
    async with started(app), AsyncClient(transport=ASGITransport(app=app), base_url="https://api.test") as client:
        token = await signed_in((await create_key(name="x", scope=Scope.READ)).key, ring=KeyRing(admin_key=None))

        response = await client.get("/users", headers={"cookie": f"docustore_session={token}"})

    assert response.status_code == 401


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("10.0.0.5", {"origin": "https://public.test", "x-forwarded-host": "public.test"}, 204),
        ("192.0.2.1", {"origin": "https://public.test", "x-forwarded-host": "public.test"}, 403),
        ("10.0.0.5", {"origin": "http://api.test", "x-forwarded-proto": "https"}, 403),
    ],
)
async def test_same_origin_is_judged_by_what_trusted_proxies_say(
    database: Database, api_settings: Settings, peer: str, headers: Any, status: int
) -> None:
    app = create_app(api_settings.model_copy(update={"trusted_proxies": ("10.0.0.0/8",)}))
    transport = ASGITransport(app=app, client=(peer, 4711))
    async with started(app), AsyncClient(transport=transport, base_url="http://api.test") as client:
        key = (await create_key(name="me", scope=Scope.READ)).key

        response = await client.post("/login", json={"key": key}, headers=headers)

    assert response.status_code == status
