"""API keys: made, listed, revoked, and looked up on every request.

A key reads `dsk_<id>_<secret>`. The secret is 256 random bits, so a plain SHA-256 of the key is stored: slow
hashes protect guessable passwords, and nobody guesses 256 bits; a slow hash would only slow every request.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from secrets import token_hex, token_urlsafe
from time import monotonic
from typing import Final, NamedTuple

from pydantic import SecretStr
from pymongo.errors import DuplicateKeyError

from docustore.clock import now_utc
from docustore.database import Database
from docustore.errors import NotFoundError, UnauthenticatedError
from docustore.security.models import API_KEYS, ApiKey, Scope

KEY_PREFIX: Final = "dsk_"
SECRET_BYTES: Final = 32
BOOTSTRAP_ID: Final = "bootstrap"
# How long a revoked key still works in a process that has just used it.
CACHE_SECONDS: Final = 5.0
CACHE_KEYS: Final = 1024
LAST_USED_STEP: Final = timedelta(minutes=1)


class Principal(NamedTuple):
    """Who makes a request: a key's id and what it may do."""

    key_id: str
    scope: Scope

    @property
    def actor(self) -> str:
        """The name under which writes are recorded: `api:<key id>`."""
        return f"api:{self.key_id}"


class NewKey(NamedTuple):
    """A key just made: the only time that `key` is to be seen."""

    key: str
    record: ApiKey


async def create_key(*, name: str, scope: Scope, expires_at: datetime | None = None) -> NewKey:
    """Make and store a key; the caller shows it once, it cannot be read again."""
    new = _new_key(key_id=token_hex(6), name=name, scope=scope, expires_at=expires_at)
    await new.record.insert()
    return new


async def list_keys() -> list[ApiKey]:
    """List all keys, also revoked and expired ones, oldest first."""
    return await ApiKey.find_all().sort("+created_at").to_list()


async def revoke_key(key_id: str) -> ApiKey:
    """End a key for good; again changes nothing. Running processes notice within `CACHE_SECONDS`.

    Raises:
        NotFoundError: There is no key with this id.
    """
    record = await ApiKey.get(key_id)
    if record is None:
        raise NotFoundError(kind="API key", id=key_id)
    if record.revoked_at is None:
        await record.set({"revoked_at": now_utc()})
    return record


async def ensure_bootstrap_key(database: Database) -> str | None:
    """Make an admin key if there is none that can be used, and return it, this once.

    Of several processes that start at once, one makes the key; the others get None.
    """
    now = now_utc()
    keys = database[API_KEYS]
    usable = {
        "scope": Scope.ADMIN.value,
        "revoked_at": None,
        "$or": [{"expires_at": None}, {"expires_at": {"$gt": now}}],
    }
    if await keys.find_one(usable, {"_id": 1}) is not None:
        return None
    new = _new_key(key_id=BOOTSTRAP_ID, name="made at the first start", scope=Scope.ADMIN, expires_at=None)
    fields = new.record.model_dump(mode="python", exclude={"id"}) | {"scope": Scope.ADMIN.value}
    try:
        # Replaces a bootstrap key that was revoked; where a usable one has appeared since, the filter does
        # not match and the insert meets its `_id`.
        await keys.replace_one({"_id": BOOTSTRAP_ID, "revoked_at": {"$ne": None}}, fields, upsert=True)
    except DuplicateKeyError:
        return None
    return new.key


class KeyRing:
    """Answers who a key belongs to, from memory for a few seconds.

    Unknown keys are never remembered, so a stream of wrong ones cannot push the right ones out.
    """

    def __init__(self, *, admin_key: SecretStr | None, clock: Callable[[], float] = monotonic) -> None:
        self._admin_digest = _digest(admin_key.get_secret_value()) if admin_key else None
        self._clock = clock
        self._known: dict[str, tuple[float, Principal]] = {}

    async def principal_of(self, key: str) -> Principal:
        """Find the key's principal.

        Raises:
            UnauthenticatedError: The key is unknown, expired or revoked.
        """
        digest = _digest(key)
        known = self._known.get(digest)
        if known is not None and known[0] > self._clock():
            return known[1]
        if self._admin_digest is not None and compare_digest(digest, self._admin_digest):
            return Principal(key_id="admin", scope=Scope.ADMIN)
        if not key.startswith(KEY_PREFIX):
            raise UnauthenticatedError
        principal = await _stored_principal(digest, now=now_utc())
        self._remember(digest, principal)
        return principal

    def _remember(self, digest: str, principal: Principal) -> None:
        self._known.pop(digest, None)
        if len(self._known) >= CACHE_KEYS:
            self._known.pop(next(iter(self._known)))
        self._known[digest] = (self._clock() + CACHE_SECONDS, principal)


async def _stored_principal(digest: str, *, now: datetime) -> Principal:
    record = await ApiKey.find_one({"hash": digest})
    if record is None or not record.is_usable(now):
        raise UnauthenticatedError
    if record.last_used_at is None or record.last_used_at <= now - LAST_USED_STEP:
        await ApiKey.get_pymongo_collection().update_one({"_id": record.id}, {"$max": {"last_used_at": now}})
    return Principal(key_id=record.id, scope=record.scope)


def _new_key(*, key_id: str, name: str, scope: Scope, expires_at: datetime | None) -> NewKey:
    key = f"{KEY_PREFIX}{key_id}_{token_urlsafe(SECRET_BYTES)}"
    record = ApiKey(
        id=key_id, name=name, scope=scope, hash=_digest(key), created_at=now_utc(), expires_at=expires_at
    )
    return NewKey(key=key, record=record)


def _digest(key: str) -> str:
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
