"""Create a user once for each `Idempotency-Key`, however often it is sent.

One transaction inserts the key and the user, so neither exists without the other. A client without an answer may
repeat its request until it gets one. MongoDB deletes keys after `KEPT`.

The whole request is compared, also its password. The key keeps the password's argon2 hash, which the user has too:
so a stolen key is no easier to guess from than a stolen user, and the first request hashes its password only once.

See: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import re
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple

from beanie import Document, PydanticObjectId
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from docustore.database import in_transaction
from docustore.errors import EmailTakenError, FieldError, IdempotencyKeyReusedError, InvalidQueryError
from docustore.security.passwords import is_password
from docustore.users.bounded import bounded_write
from docustore.users.cause import Cause
from docustore.users.refused import named_refusal
from docustore.users.schemas import UserInput
from docustore.users.sent_request import SentRequest
from docustore.users.service import prepared_user
from docustore.users.store import found_user, users
from docustore.users.stored import FOR_RESPONSE, RawUser

IDEMPOTENCY_KEYS: Final = "idempotency_keys"
KEPT: Final = timedelta(hours=24)
MAX_KEY_CHARS: Final = 255
KEY_PATTERN: Final = rf"^[!-~]{{1,{MAX_KEY_CHARS}}}$"
_KEY: Final = re.compile(KEY_PATTERN)
_MALFORMED: Final = FieldError(
    pointer="/Idempotency-Key",
    code="malformed",
    detail=f"send 1 to {MAX_KEY_CHARS} visible ASCII characters, such as a UUID",
)


class IdempotencyKey(Document):
    """A key that has created a user.

    `id` is the writer's name and the key. `request` is the digest of the request, see `SentRequest`.
    `password_hash` is the hash that the user got, if the request had a password.
    """

    id: str  # type: ignore[assignment]
    request: str
    password_hash: str | None = None
    user_id: PydanticObjectId
    created_at: datetime

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = IDEMPOTENCY_KEYS


class CreatedOnce(NamedTuple):
    """A user, and whether an earlier request with the same key created it."""

    user: RawUser
    is_replayed: bool


async def create_user_once(
    given: UserInput, *, key: str, sent: SentRequest, cause: Cause, now: datetime
) -> CreatedOnce:
    """Create a user, or return the user that this writer created with the key.

    An existing user is returned in its present state.

    Args:
        sent: The request that `given` was parsed from.

    Raises:
        InvalidQueryError: The key is malformed.
        IdempotencyKeyReusedError: The key was used with a different request.
        EmailTakenError: Another user has the address. The key remains unused.
        UserGoneError: The user that was created with the key is deleted.
        WriteHeldUpError: A request with the same key or e-mail address has not ended.
    """
    if not _KEY.fullmatch(key):
        raise InvalidQueryError((_MALFORMED,))
    row: dict[str, Any] = {"_id": f"{cause.actor}:{key}", "request": sent.digest, "created_at": now}
    # A password is hashed only for a new key. Without one, the key is inserted at once: almost every key is new.
    made = None if given.password is None else await _find(row["_id"])
    if made is None:
        document = await prepared_user(given, cause=cause, now=now)
        row |= {"user_id": document["_id"], "password_hash": document.get("password_hash")}
        try:
            await _insert_both(row, document)
        except DuplicateKeyError as exc:
            made = await _find(row["_id"])
            if made is None:
                raise EmailTakenError from exc
        else:
            return CreatedOnce(document, is_replayed=False)
    if made["request"] != row["request"] or not await _has_same_password(given, made):
        raise IdempotencyKeyReusedError
    found = await users().find_one({"_id": made["user_id"]}, FOR_RESPONSE)
    return CreatedOnce(found_user(found, str(made["user_id"])), is_replayed=True)


async def _has_same_password(given: UserInput, made: dict[str, Any]) -> bool:
    # The digest covers whether there is a password, so both requests have one or neither has.
    if given.password is None:
        return True
    return await is_password(given.password.get_secret_value(), password_hash=made["password_hash"])


async def _find(key_id: str) -> dict[str, Any] | None:
    return await IdempotencyKey.get_pymongo_collection().find_one({"_id": key_id})


async def _insert_both(row: dict[str, Any], user: dict[str, Any]) -> None:
    async def insert(session: AsyncClientSession) -> None:
        await IdempotencyKey.get_pymongo_collection().insert_one(row, session=session)
        await users().insert_one(user, session=session)

    with bounded_write(), named_refusal():
        await in_transaction(users().database, insert)
