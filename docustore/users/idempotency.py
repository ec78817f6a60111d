"""Create a user once for each `Idempotency-Key`, however often it is sent.

One transaction inserts the key and the user, so neither exists without the other. A client without an answer may
repeat its request until it gets one. MongoDB deletes keys after `KEPT`.

See: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import re
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar, Final

from beanie import Document, PydanticObjectId
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from docustore.errors import EmailTakenError, FieldError, IdempotencyKeyReusedError, InvalidQueryError
from docustore.users.schemas import UserInput
from docustore.users.service import prepared_user
from docustore.users.store import RawUser, found_user, users
from docustore.users.stored import FOR_RESPONSE

IDEMPOTENCY_KEYS: Final = "idempotency_keys"
KEPT: Final = timedelta(hours=24)
MAX_KEY_CHARS: Final = 255
_KEY: Final = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY_CHARS}}}")
_MALFORMED: Final = FieldError(
    pointer="/Idempotency-Key",
    code="malformed",
    detail=f"send 1 to {MAX_KEY_CHARS} visible ASCII characters, such as a UUID",
)


class IdempotencyKey(Document):
    """A key that has created a user.

    `id` is the writer's name and the key. `request` is a digest of the request without the password.
    """

    id: str  # type: ignore[assignment]
    request: str
    user_id: PydanticObjectId
    created_at: datetime

    class Settings:
        """Beanie's own settings."""

        name: ClassVar[str] = IDEMPOTENCY_KEYS


async def create_user_once(given: UserInput, *, key: str, actor: str, now: datetime) -> RawUser:
    """Create a user, or return the user that this writer created with the key.

    An existing user is returned in its present state.

    Raises:
        InvalidQueryError: The key is malformed.
        IdempotencyKeyReusedError: The key was used with a different request.
        EmailTakenError: Another user has the address. The key remains unused.
        UserGoneError: The user that was created with the key is deleted.
    """
    if not _KEY.fullmatch(key):
        raise InvalidQueryError((_MALFORMED,))
    row: dict[str, Any] = {"_id": f"{actor}:{key}", "request": _digest(given), "created_at": now}
    made = await _find(row["_id"])
    if made is None:
        document = await prepared_user(given, actor=actor, now=now)
        try:
            await _insert_both({**row, "user_id": document["_id"]}, document)
        except DuplicateKeyError as exc:
            made = await _find(row["_id"])
            if made is None:
                raise EmailTakenError from exc
        else:
            return document
    if made["request"] != row["request"]:
        raise IdempotencyKeyReusedError
    return found_user(await users().find_one({"_id": made["user_id"]}, FOR_RESPONSE), str(made["user_id"]))


async def _find(key_id: str) -> dict[str, Any] | None:
    return await IdempotencyKey.get_pymongo_collection().find_one({"_id": key_id})


async def _insert_both(row: dict[str, Any], user: dict[str, Any]) -> None:
    async def insert(session: AsyncClientSession) -> None:
        await IdempotencyKey.get_pymongo_collection().insert_one(row, session=session)
        await users().insert_one(user, session=session)

    async with users().database.client.start_session() as session:
        await session.with_transaction(insert)


def _digest(given: UserInput) -> str:
    # Without the password: this hash is fast and stored for a day, so the password could be guessed from it.
    return sha256(given.model_dump_json(exclude={"password"}).encode()).hexdigest()
