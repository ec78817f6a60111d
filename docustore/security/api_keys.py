"""API keys: create, list, revoke.

The format of a key is `dsk_<id>_<secret>`. The secret is 256 random bits. Only a SHA-256 digest of the key is
stored. A slow hash protects guessable passwords. 256 random bits cannot be guessed, so a slow hash would only
delay requests.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_hex, token_urlsafe
from typing import Final, NamedTuple

from pymongo.errors import DuplicateKeyError

from docustore.clock import now_utc
from docustore.database import Database
from docustore.errors import NotFoundError
from docustore.security.models import API_KEYS, ApiKey, Scope

KEY_PREFIX: Final = "dsk_"
SECRET_BYTES: Final = 32
BOOTSTRAP_ID: Final = "bootstrap"
# A process that has just used a key accepts it for this time after its revocation.
CACHE_SECONDS: Final = 5.0
LAST_USED_STEP: Final = timedelta(minutes=1)


class Principal(NamedTuple):
    """The caller of a request: the id and the scope of its key."""

    key_id: str
    scope: Scope

    @property
    def actor(self) -> str:
        """The actor recorded with writes: `api:<key id>`."""
        return f"api:{self.key_id}"


class NewKey(NamedTuple):
    """A new key; `key` is available only here, because only its digest is stored."""

    key: str
    record: ApiKey


async def create_key(*, name: str, scope: Scope, expires_at: datetime | None = None) -> NewKey:
    """Create and store a key.

    The caller must show the key now: it cannot be read from the store later.
    """
    new = _new_key(key_id=token_hex(6), name=name, scope=scope, expires_at=expires_at)
    await new.record.insert()
    return new


async def list_keys() -> list[ApiKey]:
    """List all keys, including revoked and expired ones, oldest first."""
    return await ApiKey.find_all().sort("+created_at").to_list()


async def revoke_key(key_id: str) -> ApiKey:
    """Revoke a key permanently.

    Idempotent. Running processes refuse the key within `CACHE_SECONDS`.

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
    """Create an admin key if no usable one exists; return it once.

    If several processes start at the same time, one of them creates the key. The others get None.
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
    new = _new_key(key_id=BOOTSTRAP_ID, name="created at the first start", scope=Scope.ADMIN, expires_at=None)
    fields = new.record.model_dump(mode="python", exclude={"id"}) | {"scope": Scope.ADMIN.value}
    try:
        # This replaces a revoked bootstrap key. If another process has created a usable one since the check
        # above, the filter does not match, and the upsert fails with a duplicate `_id`.
        await keys.replace_one({"_id": BOOTSTRAP_ID, "revoked_at": {"$ne": None}}, fields, upsert=True)
    except DuplicateKeyError:
        return None
    return new.key


async def usable_key(*, now: datetime, **fields: str) -> ApiKey | None:
    """Read the key with these fields; None if it is unknown, expired or revoked."""
    record = await ApiKey.find_one(fields)
    return record if record is not None and record.is_usable(now) else None


async def note_use(record: ApiKey, *, now: datetime) -> None:
    """Store the time of use, at most once per `LAST_USED_STEP`."""
    if record.last_used_at is None or record.last_used_at <= now - LAST_USED_STEP:
        await ApiKey.get_pymongo_collection().update_one({"_id": record.id}, {"$max": {"last_used_at": now}})


def _new_key(*, key_id: str, name: str, scope: Scope, expires_at: datetime | None) -> NewKey:
    key = f"{KEY_PREFIX}{key_id}_{token_urlsafe(SECRET_BYTES)}"
    record = ApiKey(
        id=key_id, name=name, scope=scope, hash=digest_of(key), created_at=now_utc(), expires_at=expires_at
    )
    return NewKey(key=key, record=record)


def digest_of(key: str) -> str:
    """Return the digest under which a key or a token is stored."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
