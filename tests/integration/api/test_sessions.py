"""Sessions: what a cookie holds, and what ends it."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from docustore.clock import now_utc
from docustore.database import Database
from docustore.errors import NotFoundError, UnauthenticatedError
from docustore.security.api_keys import CACHE_SECONDS, create_key, ensure_bootstrap_key, revoke_key
from docustore.security.key_ring import Credential, KeyRing
from docustore.security.models import Scope
from docustore.security.sessions import (
    LINK_SESSION_LASTS,
    create_link_token,
    list_sessions,
    revoke_all_sessions,
    revoke_session,
    shown_id,
    start_session_by_link,
)
from tests.integration.api.conftest import Client, signed_in

ORIGIN = {"origin": "http://api.test"}
ADMIN_KEY = "an admin key of the settings, long enough"


def as_session(token: str) -> Credential:
    return Credential(token, is_session=True)


async def is_valid(token: str, *, admin_key: str | None = None) -> bool:
    """Ask the store, as a process with an empty cache does."""
    ring = KeyRing(admin_key=SecretStr(admin_key) if admin_key else None)
    try:
        await ring.principal_of(as_session(token))
    except UnauthenticatedError:
        return False
    return True


async def test_cookie_holds_a_session_and_not_the_key(anonymous: Client, database: Database) -> None:
    key = (await create_key(name="me", scope=Scope.READ)).key
    await anonymous.post("/login", json={"key": key}, headers=ORIGIN)

    [(name, token)] = anonymous.cookies.items()
    stored = await database["sessions"].find_one()
    assert name == "docustore_session"
    assert key not in token
    assert stored is not None
    assert token not in str(stored)
    assert key not in str(stored)


async def test_key_in_a_cookie_is_refused(anonymous: Client) -> None:
    key = (await create_key(name="me", scope=Scope.READ)).key

    for name in ("docustore_key", "docustore_session", "__Host-docustore_session"):
        response = await anonymous.get("/users", headers={"cookie": f"{name}={key}"})
        assert response.status_code == 401


async def test_token_of_a_session_is_no_key(anonymous: Client) -> None:
    token = await signed_in((await create_key(name="me", scope=Scope.READ)).key, ring=KeyRing(admin_key=None))

    response = await anonymous.get("/users", headers={"authorization": f"Bearer {token}"})

    assert response.status_code == 401


async def test_session_has_the_scope_of_its_key(anonymous: Client) -> None:
    key = (await create_key(name="me", scope=Scope.READ)).key
    await anonymous.post("/login", json={"key": key}, headers=ORIGIN)

    assert (await anonymous.get("/users")).status_code == 200
    assert (await anonymous.post("/users", json={}, headers=ORIGIN)).status_code == 403


async def test_revoked_key_ends_its_sessions(anonymous: Client) -> None:
    now_s = 0.0
    ring = KeyRing(admin_key=None, clock=lambda: now_s)
    new = await create_key(name="me", scope=Scope.READ)
    token = await signed_in(new.key, ring=ring)
    await ring.principal_of(as_session(token))
    await revoke_key(new.record.id)

    now_s = CACHE_SECONDS + 0.1

    with pytest.raises(UnauthenticatedError):
        await ring.principal_of(as_session(token))


async def test_expired_key_ends_its_sessions(database: Database) -> None:
    new = await create_key(name="me", scope=Scope.READ)
    token = await signed_in(new.key, ring=KeyRing(admin_key=None))
    before = await is_valid(token)
    await database["api_keys"].update_one({}, {"$set": {"expires_at": now_utc() - timedelta(seconds=1)}})

    assert (before, await is_valid(token)) == (True, False)


async def test_expired_session_is_refused_before_it_is_deleted(database: Database) -> None:
    token = await signed_in((await create_key(name="me", scope=Scope.READ)).key, ring=KeyRing(admin_key=None))
    await database["sessions"].update_one({}, {"$set": {"expires_at": now_utc() - timedelta(seconds=1)}})

    assert not await is_valid(token)
    assert await list_sessions() == []


async def test_new_bootstrap_key_does_not_revive_old_sessions(database: Database) -> None:
    """The new key has the id of the revoked one."""
    first = str(await ensure_bootstrap_key(database))
    token = await signed_in(first, ring=KeyRing(admin_key=None))
    await revoke_key("bootstrap")

    assert await ensure_bootstrap_key(database) is not None
    assert not await is_valid(token)


async def test_changed_admin_key_ends_its_sessions(database: Database) -> None:
    token = await signed_in(ADMIN_KEY, ring=KeyRing(admin_key=SecretStr(ADMIN_KEY)))

    assert await is_valid(token, admin_key=ADMIN_KEY)
    assert not await is_valid(token, admin_key=f"{ADMIN_KEY}, changed")
    assert not await is_valid(token)


async def test_last_use_is_stored_once_a_minute(database: Database) -> None:
    token = await signed_in((await create_key(name="me", scope=Scope.READ)).key, ring=KeyRing(admin_key=None))
    await is_valid(token)
    fresh = (await list_sessions())[0].last_used_at
    await database["sessions"].update_one({}, {"$set": {"created_at": now_utc() - timedelta(minutes=2)}})
    await is_valid(token)
    used = (await list_sessions())[0].last_used_at
    await is_valid(token)

    assert fresh is None
    assert used is not None
    assert (await list_sessions())[0].last_used_at == used


async def test_logout_revokes_the_session_at_once(anonymous: Client, database: Database) -> None:
    key = (await create_key(name="me", scope=Scope.READ)).key
    await anonymous.post("/login", json={"key": key}, headers=ORIGIN)
    token = anonymous.cookies["docustore_session"]
    before = await anonymous.get("/users")

    await anonymous.post("/logout", headers=ORIGIN)

    after = await anonymous.get("/users", headers={"cookie": f"docustore_session={token}"})
    assert (before.status_code, after.status_code) == (200, 401)
    assert await database["sessions"].count_documents({}) == 0


@pytest.mark.parametrize(
    "cookie", ["", "docustore_session=unknown", "docustore_key=dsk_a_b", "docustore_session="]
)
async def test_logout_always_clears_the_cookie(anonymous: Client, cookie: str) -> None:
    response = await anonymous.post("/logout", headers={"cookie": cookie} if cookie else {})

    cleared = [value.lower() for value in response.headers.get_list("set-cookie")]
    assert response.status_code == 204
    assert [value.partition("=")[0] for value in cleared] == ["docustore_session", "docustore_key"]
    assert all("max-age=0" in value for value in cleared)


@pytest.mark.parametrize("headers", [{"origin": "http://evil.test"}, {"sec-fetch-site": "cross-site"}])
async def test_another_site_cannot_sign_a_visitor_out(anonymous: Client, headers: dict[str, str]) -> None:
    response = await anonymous.post("/logout", headers=headers)

    assert response.status_code == 403
    assert "set-cookie" not in response.headers


async def test_login_link_works_once(anonymous: Client, database: Database) -> None:
    token = await create_link_token(Scope.WRITE)
    stored = str(await database["login_tokens"].find().to_list())

    first = await anonymous.post("/login", json={"token": token}, headers=ORIGIN)
    second = await anonymous.post("/login", json={"token": token}, headers=ORIGIN)

    assert token not in stored
    assert (first.status_code, second.status_code) == (204, 401)
    assert (await anonymous.post("/users", json={"email": "a@example.org"}, headers=ORIGIN)).status_code == 201
    user = await database["users"].find_one()
    assert user is not None
    assert user["updated_by"] == "api:login-link"


async def test_link_gives_one_session_to_concurrent_users(database: Database) -> None:
    token = await create_link_token(Scope.READ)

    started_sessions = await asyncio.gather(*(start_session_by_link(token) for _ in range(8)))

    sessions = [session for session in started_sessions if session is not None]
    assert [session.lasts for session in sessions] == [LINK_SESSION_LASTS]
    assert await database["sessions"].count_documents({}) == 1


async def test_expired_link_is_refused(database: Database) -> None:
    token = await create_link_token(Scope.READ)
    await database["login_tokens"].update_one({}, {"$set": {"expires_at": now_utc() - timedelta(seconds=1)}})

    assert await start_session_by_link(token) is None


@pytest.mark.parametrize("body", [{}, {"key": "a", "token": "b"}])
async def test_login_needs_a_key_or_a_token(anonymous: Client, body: dict[str, str]) -> None:
    response = await anonymous.post("/login", json=body, headers=ORIGIN)

    assert response.status_code == 422


async def test_sessions_are_revoked_one_by_one_or_all(database: Database) -> None:
    key = (await create_key(name="me", scope=Scope.READ)).key
    tokens = [await signed_in(key, ring=KeyRing(admin_key=None)) for _ in range(3)]
    link = await create_link_token(Scope.READ)
    await revoke_session(shown_id((await list_sessions())[0].id))
    after_one = [await is_valid(token) for token in tokens]

    revoked = await revoke_all_sessions()

    assert after_one == [False, True, True]
    assert revoked == 2
    assert not any([await is_valid(token) for token in tokens])
    assert await start_session_by_link(link) is None
    with pytest.raises(NotFoundError):
        await revoke_session("nope")


async def test_sessions_are_logged_without_tokens(anonymous: Client) -> None:
    key = (await create_key(name="me", scope=Scope.READ)).key
    with capture_logs() as logs:
        await anonymous.post("/login", json={"key": key}, headers=ORIGIN)
        token = anonymous.cookies["docustore_session"]
        await anonymous.post("/logout", headers=ORIGIN)

    events = [entry["event"] for entry in logs]
    assert events == ["session.started", "session.ended"]
    assert logs[0]["session_id"] == logs[1]["session_id"]
    assert token not in str(logs)
    assert key not in str(logs)
