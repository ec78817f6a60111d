"""Keys, scopes, the login cookie, and the routes they open."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from litestar.handlers import HTTPRouteHandler
from pydantic import SecretStr

from docustore.api.app import create_app
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import UnauthenticatedError
from docustore.security.api_keys import (
    CACHE_SECONDS,
    create_key,
    ensure_bootstrap_key,
    list_keys,
    revoke_key,
)
from docustore.security.key_ring import Credential, KeyRing
from docustore.security.models import ApiKey, Scope
from tests.addresses import direct_url, host_and_port
from tests.integration.api.conftest import Client, create, started
from tests.tcp_proxy import tcp_proxy

# 32 random bytes in base64 without padding.
SECRET_CHARS = 43
ORIGIN = {"origin": "http://api.test"}
PUBLIC = {"/health/live", "/health/ready", "/login", "/logout", "/"}


def as_key(key: str) -> Credential:
    return Credential(key, is_session=False)


def is_public(path: str) -> bool:
    return path in PUBLIC or path.startswith(("/schema", "/assets", "/problems"))


def url_of(path: str) -> str:
    """Fill the parameters of a path with values that nothing has."""
    return re.sub(r"\{(\w+):\w+\}", r"x\1", re.sub(r"\{\w+:int\}", "1", path))


def routes(settings: Settings) -> list[tuple[str, str]]:
    app = create_app(settings)
    found = [
        (method, route.path)
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if isinstance(handler, HTTPRouteHandler)
        for method in handler.http_methods
        if method not in {"OPTIONS", "HEAD"}
    ]
    assert len(found) > 25
    return found


async def test_every_route_refuses_unknown_parameters(
    api: Client, api_settings: Settings, keys: dict[Scope, str]
) -> None:
    """Covers routes that are added later; some need scope `admin`."""
    headers = {**ORIGIN, "authorization": f"Bearer {keys[Scope.ADMIN]}"}
    for method, path in routes(api_settings):
        if path == "/schema/{path:str}":
            continue  # the framework's route for paths that do not exist
        url = url_of(path).replace("/xuser_id", "/6b036b42dddea18c01e9b78e")
        url = url.replace("xfile_path", "swagger-ui.css" if path.startswith("/schema") else "base.css")

        response = await api.request(method, url, params={"dry_rnu": "true"}, json={}, headers=headers)

        assert response.status_code == 400, f"{method} {path}"
        codes = {error["pointer"]: error["code"] for error in response.json()["errors"]}
        assert codes["/dry_rnu"] == "unknown_parameter", f"{method} {path}"


async def test_every_other_route_refuses_without_key(anonymous: Client, api_settings: Settings) -> None:
    """Covers routes that are added later: every route is closed by default."""
    for method, path in routes(api_settings):
        if is_public(path) and (method, path) != ("POST", "/login"):
            continue
        response = await anonymous.request(method, url_of(path), json={"key": "x"})

        expected = 403 if path == "/login" else 401
        assert response.status_code == expected, f"{method} {path}"
        assert response.headers["content-type"] == "application/problem+json"
        if expected == 401:
            assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer dsk_x_y", "dsk_x_y", "Bearer ünknown"]
)
async def test_unknown_key_is_401(anonymous: Client, header: str) -> None:
    response = await anonymous.get("/users", headers={"authorization": header.encode()})

    assert response.status_code == 401


async def test_scopes_include_lower_scopes(anonymous: Client, keys: dict[Scope, str]) -> None:
    async def status(scope: Scope, method: str, path: str) -> int:
        headers = {"authorization": f"bearer {keys[scope]}"}
        return (await anonymous.request(method, path, json={}, headers=headers)).status_code

    assert [await status(scope, "GET", "/users") for scope in Scope] == [200, 200, 200]
    assert [await status(scope, "POST", "/users") for scope in Scope] == [403, 422, 422]


async def test_key_is_stored_as_a_digest_only(
    anonymous: Client, database: Database, keys: dict[Scope, str]
) -> None:
    stored = str(await database["api_keys"].find().to_list())

    # Split only twice: the secret may contain the separator.
    secrets = [key.split("_", maxsplit=2)[2] for key in keys.values()]
    assert all(len(secret) == SECRET_CHARS for secret in secrets)
    assert not any(secret in stored for secret in secrets)


async def test_expired_and_revoked_keys_are_refused(anonymous: Client) -> None:
    expired = await create_key(name="old", scope=Scope.READ, expires_at=now_utc() - timedelta(seconds=1))
    revoked = await create_key(name="out", scope=Scope.READ)
    await revoke_key(revoked.record.id)

    for new in (expired, revoked):
        response = await anonymous.get("/users", headers={"authorization": f"Bearer {new.key}"})
        assert response.status_code == 401


async def test_revoked_key_ends_within_the_cache_time(anonymous: Client) -> None:
    now_s = 0.0
    ring = KeyRing(admin_key=None, clock=lambda: now_s)
    new = await create_key(name="out", scope=Scope.READ)
    await ring.principal_of(as_key(new.key))
    await revoke_key(new.record.id)

    assert (await ring.principal_of(as_key(new.key))).key_id == new.record.id
    now_s = CACHE_SECONDS + 0.1
    with pytest.raises(UnauthenticatedError):
        await ring.principal_of(as_key(new.key))


async def test_last_use_is_stored_once_a_minute(anonymous: Client) -> None:
    new = await create_key(name="used", scope=Scope.READ)
    await KeyRing(admin_key=None).principal_of(as_key(new.key))
    first = await ApiKey.get(new.record.id)
    await KeyRing(admin_key=None).principal_of(as_key(new.key))
    second = await ApiKey.get(new.record.id)

    assert first is not None
    assert second is not None
    assert first.last_used_at is not None
    assert first.last_used_at == second.last_used_at


async def test_admin_key_of_the_settings_is_admin(database: Database, anonymous: Client) -> None:
    ring = KeyRing(admin_key=SecretStr("a secret of the environment"))

    assert (await ring.principal_of(as_key("a secret of the environment"))).scope is Scope.ADMIN
    with pytest.raises(UnauthenticatedError):
        await ring.principal_of(as_key("another"))


async def test_concurrent_starts_create_one_key(database: Database) -> None:
    made = await asyncio.gather(*(ensure_bootstrap_key(database) for _ in range(5)))

    keys = [key for key in made if key is not None]
    assert len(keys) == 1
    assert (await KeyRing(admin_key=None).principal_of(as_key(keys[0]))).scope is Scope.ADMIN
    assert await ensure_bootstrap_key(database) is None


async def test_bootstrap_key_replaces_a_revoked_one(database: Database) -> None:
    first = await ensure_bootstrap_key(database)
    for key in await list_keys():
        await revoke_key(key.id)

    second = await ensure_bootstrap_key(database)

    assert second is not None
    assert second != first
    with pytest.raises(UnauthenticatedError):
        await KeyRing(admin_key=None).principal_of(as_key(str(first)))


async def test_no_bootstrap_key_beside_an_admin_key(database: Database) -> None:
    await create_key(name="mine", scope=Scope.ADMIN)

    assert await ensure_bootstrap_key(database) is None


async def test_login_cookie_reads(anonymous: Client, keys: dict[Scope, str]) -> None:
    login = await anonymous.post("/login", json={"key": keys[Scope.WRITE]}, headers=ORIGIN)

    cookie = login.headers["set-cookie"].lower()
    assert login.status_code == 204
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert (await anonymous.get("/")).status_code == 200
    assert (await anonymous.get("/dashboard/summary")).status_code == 200


async def test_cookie_writes_only_from_own_pages(anonymous: Client, keys: dict[Scope, str]) -> None:
    """Other sites can make a browser send requests with the cookie."""
    await anonymous.post("/login", json={"key": keys[Scope.WRITE]}, headers=ORIGIN)
    body: Any = {"email": "ada@example.org"}

    foreign = await anonymous.post("/users", json=body, headers={"origin": "http://evil.test"})
    bare = await anonymous.post("/users", json=body)
    own = await anonymous.post("/users", json=body, headers=ORIGIN)

    assert [r.status_code for r in (foreign, bare, own)] == [401, 401, 201]


async def test_login_from_another_site_is_refused(anonymous: Client, keys: dict[Scope, str]) -> None:
    response = await anonymous.post(
        "/login", json={"key": keys[Scope.READ]}, headers={"origin": "http://evil.test"}
    )

    assert response.status_code == 403


async def test_login_with_a_wrong_key_is_401(anonymous: Client) -> None:
    response = await anonymous.post("/login", json={"key": "dsk_a_b"}, headers=ORIGIN)

    assert response.status_code == 401
    assert "set-cookie" not in response.headers


async def test_page_without_cookie_redirects_to_login(anonymous: Client) -> None:
    response = await anonymous.get("/")

    assert (response.status_code, response.headers["location"]) == (302, "/login")


async def test_page_opens_while_the_store_is_away(
    database: Database, api_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page itself says what is wrong; a browser shows JSON as it is."""
    monkeypatch.setattr("docustore.database.SERVER_SELECTION_TIMEOUT_MS", 300)
    async with tcp_proxy(*host_and_port(api_settings.mongodb_url)) as proxy:
        url = direct_url(api_settings.mongodb_url, port=proxy.port)
        app = create_app(api_settings.model_copy(update={"mongodb_url": url}))
        transport = ASGITransport(app=app, raise_app_exceptions=False)
        async with started(app), AsyncClient(transport=transport, base_url="http://api.test") as client:
            proxy.is_down = True
            proxy.cut()
            signed_in = {"cookie": "docustore_session=dss_a_b"}
            page = await client.get("/", headers=signed_in)
            figures = await client.get("/dashboard/summary", headers=signed_in)
            proxy.is_down = False

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert figures.status_code == 503


async def test_logout_ends_the_cookie(anonymous: Client, keys: dict[Scope, str]) -> None:
    await anonymous.post("/login", json={"key": keys[Scope.READ]}, headers=ORIGIN)

    response = await anonymous.post("/logout", headers=ORIGIN)

    assert response.status_code == 204
    assert (await anonymous.get("/")).status_code == 302


async def test_writer_is_recorded_by_its_key(api: Client, database: Database, keys: dict[Scope, str]) -> None:
    await create(api)

    stored = await database["users"].find_one()

    assert stored is not None
    assert stored["updated_by"] == f"api:{keys[Scope.WRITE].split('_')[1]}"
