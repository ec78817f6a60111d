"""Sessions of browsers, and the one-time tokens of login links.

A cookie holds the token of a session, never a key. Only digests of tokens are stored. A session can be revoked,
and it ends with the key that it was started with.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac
from secrets import token_urlsafe
from typing import Final, NamedTuple

import structlog

from docustore.clock import now_utc
from docustore.errors import NotFoundError
from docustore.security.api_keys import LAST_USED_STEP, SECRET_BYTES, Principal, digest_of, usable_key
from docustore.security.models import LoginToken, Scope, Session

SESSION_LASTS: Final = timedelta(days=30)
# A login link needs no key, so no revoked key can end its session.
LINK_SESSION_LASTS: Final = timedelta(hours=12)
LINK_LASTS: Final = timedelta(minutes=10)
ADMIN_ID: Final = "admin"
LINK_ACTOR: Final = "login-link"
# The first characters of a digest name a session to people. They do not reveal the token.
SHOWN_ID_CHARS: Final = 12

log: Final = structlog.get_logger()


class NewSession(NamedTuple):
    """A new session; `token` is available only here."""

    token: str
    lasts: timedelta


async def start_session(*, key: str, principal: Principal) -> NewSession:
    """Start a session for the owner of a key."""
    token = token_urlsafe(SECRET_BYTES)
    binding = _binding(token, digest_of(key))
    return await _started(token, lasts=SESSION_LASTS, key_id=principal.key_id, key_binding=binding)


async def start_session_by_link(link_token: str) -> NewSession | None:
    """Use a login link; None if it is unknown, expired or already used.

    Atomic: of several callers with the same token, one gets a session.
    """
    tokens = LoginToken.get_pymongo_collection()
    used = await tokens.find_one_and_delete({"_id": digest_of(link_token), "expires_at": {"$gt": now_utc()}})
    if used is None:
        return None
    return await _started(token_urlsafe(SECRET_BYTES), lasts=LINK_SESSION_LASTS, scope=Scope(used["scope"]))


async def create_link_token(scope: Scope) -> str:
    """Store a login token that can be used once within `LINK_LASTS`; return it."""
    token, now = token_urlsafe(SECRET_BYTES), now_utc()
    await LoginToken(id=digest_of(token), scope=scope, created_at=now, expires_at=now + LINK_LASTS).insert()
    return token


async def session_principal(token: str, *, admin_digest: str | None, now: datetime) -> Principal | None:
    """Return the principal of a session; None if the session or its key has ended.

    Args:
        admin_digest: The digest of the admin key in the settings; None if there is none.
    """
    session = await Session.get(digest_of(token))
    if session is None or session.expires_at <= now:
        return None
    principal = await _principal_of(session, token, admin_digest=admin_digest, now=now)
    if principal is not None and (session.last_used_at or session.created_at) <= now - LAST_USED_STEP:
        await Session.get_pymongo_collection().update_one({"_id": session.id}, {"$max": {"last_used_at": now}})
    return principal


async def end_session(token: str) -> None:
    """End the session of a token; does nothing if there is none."""
    ended = await Session.get_pymongo_collection().find_one_and_delete({"_id": digest_of(token)})
    if ended is not None:
        log.info("session.ended", session_id=shown_id(ended["_id"]), key_id=ended["key_id"])


async def list_sessions() -> list[Session]:
    """List the sessions that have not expired, oldest first."""
    return await Session.find({"expires_at": {"$gt": now_utc()}}).sort("+created_at").to_list()


async def revoke_session(session_id: str) -> None:
    """Revoke the session with this shown id.

    Raises:
        NotFoundError: There is no such session.
    """
    for session in await list_sessions():
        if shown_id(session.id) == session_id:
            await session.delete()
            return
    raise NotFoundError(kind="session", id=session_id)


async def revoke_all_sessions() -> int:
    """Revoke all sessions and login links; return the number of sessions."""
    await LoginToken.get_pymongo_collection().delete_many({})
    return (await Session.get_pymongo_collection().delete_many({})).deleted_count


def shown_id(digest: str) -> str:
    """Return the id of a session as people see it."""
    return digest[:SHOWN_ID_CHARS]


async def _started(
    token: str,
    *,
    lasts: timedelta,
    key_id: str | None = None,
    key_binding: str | None = None,
    scope: Scope | None = None,
) -> NewSession:
    now = now_utc()
    session = Session(
        id=digest_of(token),
        key_id=key_id,
        key_binding=key_binding,
        scope=scope,
        created_at=now,
        expires_at=now + lasts,
    )
    await session.insert()
    log.info("session.started", session_id=shown_id(session.id), key_id=key_id)
    return NewSession(token=token, lasts=lasts)


async def _principal_of(
    session: Session, token: str, *, admin_digest: str | None, now: datetime
) -> Principal | None:
    if session.key_id is None:
        return None if session.scope is None else Principal(key_id=LINK_ACTOR, scope=session.scope)
    if session.key_id == ADMIN_ID:
        is_bound = admin_digest is not None and _is_bound(session, token, admin_digest)
        return Principal(key_id=ADMIN_ID, scope=Scope.ADMIN) if is_bound else None
    key = await usable_key(_id=session.key_id, now=now)
    if key is None or not _is_bound(session, token, key.hash):
        return None
    return Principal(key_id=key.id, scope=key.scope)


def _is_bound(session: Session, token: str, key_digest: str) -> bool:
    return session.key_binding is not None and compare_digest(session.key_binding, _binding(token, key_digest))


def _binding(token: str, key_digest: str) -> str:
    """Connect a session with its key.

    Without the token, a guessed key cannot be tested against it.
    """
    return hmac(token.encode("utf-8", "surrogatepass"), key_digest.encode(), sha256).hexdigest()
