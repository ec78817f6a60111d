"""Create a user once for each `Idempotency-Key`, however often it is sent.

The row of the key is inserted first, with the id of the user to be. Then the user is inserted, and the row is
marked. There is no transaction: a killed process leaves nothing open, so a repetition is answered at once. If it
finds the row and no user, it inserts the user itself, under the id of the row. So two requests at the same time
insert the same `_id`, and one of them is replayed. See docs/adr/0049.

The whole request is compared, also its password. The row keeps the password's argon2 hash, which the user has too:
so a stolen key is no easier to guess from than a stolen user, and the first request hashes its password only once.

A key does not protect its user in two cases. An election loses the row, and the process is killed before it marks
the row: a repetition is answered with 409, because the address is taken. The process is killed before it marks the
row, and another client deletes the user before history has its insert: a repetition creates the user again.

See: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from pymongo.errors import DuplicateKeyError

from docustore.errors import (
    EmailTakenError,
    FieldError,
    IdempotencyKeyReusedError,
    InvalidQueryError,
    UserRefusedError,
)
from docustore.security.passwords import is_password
from docustore.users.bounded import bounded_write
from docustore.users.cause import Cause
from docustore.users.idempotency_rows import Row, find_row, insert_row, is_made, mark_made, release_row
from docustore.users.refused import named_refusal
from docustore.users.schemas import UserInput
from docustore.users.sent_request import SentRequest
from docustore.users.service import prepared_user
from docustore.users.store import found_user, users
from docustore.users.stored import FOR_RESPONSE, RawUser
from docustore.users.writes import new_user

MAX_KEY_CHARS: Final = 255
KEY_PATTERN: Final = rf"^[!-~]{{1,{MAX_KEY_CHARS}}}$"
_KEY: Final = re.compile(KEY_PATTERN)
_MALFORMED: Final = FieldError(
    pointer="/Idempotency-Key",
    code="malformed",
    detail=f"send 1 to {MAX_KEY_CHARS} visible ASCII characters, such as a UUID",
)
# The collection of `docustore.history`, which stands above this package.
_HISTORY: Final = "user_history"


class CreatedOnce(NamedTuple):
    """A user, and whether an earlier request with the same key created it."""

    user: RawUser
    is_replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Creation:
    """One request to create a user with a key.

    `key_id` is the `_id` of the row, `digest` that of the request.
    """

    given: UserInput
    key_id: str
    digest: str
    cause: Cause
    now: datetime


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
        UserRefusedError: The validator refuses the user. The key remains unused.
        UserGoneError: The user that was created with the key is deleted.
        NotFoundError: Another client has removed the user that was created with the key.
        WriteHeldUpError: A transaction that has not ended writes the same address.
    """
    if not _KEY.fullmatch(key):
        raise InvalidQueryError((_MALFORMED,))
    creation = _Creation(given=given, key_id=f"{cause.actor}:{key}", digest=sent.digest, cause=cause, now=now)
    while True:
        # None: another request with the key has claimed or released it. So one of them gets further each time.
        created = await _attempt(creation)
        if created is not None:
            return created


async def _attempt(creation: _Creation) -> CreatedOnce | None:
    # A password is hashed only for a new key. Without one, the row is inserted at once: almost every key is new.
    row = None if creation.given.password is None else await find_row(creation.key_id)
    return await _first(creation) if row is None else await _repeated(creation, row)


async def _first(creation: _Creation) -> CreatedOnce | None:
    try:
        user = await prepared_user(creation.given, cause=creation.cause, now=creation.now)
    except EmailTakenError:
        # The request that has taken the address may be the first one with this key.
        if await find_row(creation.key_id) is None:
            raise
        return None
    row: Row = {
        "_id": creation.key_id,
        "request": creation.digest,
        "user_id": user["_id"],
        "password_hash": user.get("password_hash"),
        "made": False,
        "created_at": creation.now,
    }
    if await insert_row(row):
        return await _inserted(user, row)
    found = await find_row(creation.key_id)
    return None if found is None else await _repeated(creation, found)


async def _repeated(creation: _Creation, row: Row) -> CreatedOnce | None:
    if row["request"] != creation.digest or not await _has_same_password(creation.given, row):
        raise IdempotencyKeyReusedError
    user = await _user_of(row)
    if user is None and not is_made(row) and not await _is_in_history(row):
        own = {"user_id": row["user_id"], "password_hash": row["password_hash"]}
        return await _inserted(new_user(creation.given, cause=creation.cause, now=creation.now, **own), row)
    if not is_made(row):
        await mark_made(row)
    return _replayed(user, row)


async def _inserted(user: dict[str, Any], row: Row) -> CreatedOnce | None:
    """Insert the user of a row, or return the one that is there already."""
    try:
        with bounded_write(), named_refusal():
            await users().insert_one(user)
    except UserRefusedError:
        await release_row(row)
        raise
    except DuplicateKeyError as exc:
        # The server has waited for the majority, so it shows what has refused the insert.
        found = await _user_of(row)
        if found is not None:
            await mark_made(row)
            return _replayed(found, row)
        if await release_row(row):
            raise EmailTakenError from exc
        return None
    await mark_made(row)
    return CreatedOnce(user, is_replayed=False)


def _replayed(user: RawUser | None, row: Row) -> CreatedOnce:
    return CreatedOnce(found_user(user, str(row["user_id"])), is_replayed=True)


async def _has_same_password(given: UserInput, row: Row) -> bool:
    # The digest covers whether there is a password, so both requests have one or neither has.
    if given.password is None:
        return True
    return await is_password(given.password.get_secret_value(), password_hash=row["password_hash"])


async def _user_of(row: Row) -> RawUser | None:
    return await users().find_one({"_id": row["user_id"]}, FOR_RESPONSE)


async def _is_in_history(row: Row) -> bool:
    """Tell whether the user existed. Then it was erased, and must not come back."""
    history = users().database[_HISTORY]
    return await history.find_one({"user_id": row["user_id"]}, {"_id": 1}) is not None
