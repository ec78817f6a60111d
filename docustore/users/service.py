"""Change single users. Every write is guarded by the version it was computed from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from pymongo.errors import DuplicateKeyError

from docustore.api.patches import PatchType, apply_patch
from docustore.errors import EmailTakenError, VersionConflictError
from docustore.security.passwords import hash_password
from docustore.users.preconditions import IfMatch
from docustore.users.profile import UserStatus
from docustore.users.schemas import UserInput, parse_user, writable
from docustore.users.store import RawUser, found_user, users
from docustore.users.stored import WITHOUT_PASSWORD, completed, user_key
from docustore.users.writes import Fields, guarded, new_user, rewritten, stamped, with_status

# A writer who accepts any version is tried again when another write comes between; the ETL may well do that.
MAX_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write to one user: which, by whom, when, and on which version."""

    user_id: str
    if_match: IfMatch
    actor: str
    now: datetime


async def create_user(given: UserInput, *, actor: str, now: datetime) -> RawUser:
    """Store a new user at version 1.

    Raises:
        EmailTakenError: Another user, not deleted, has the address.
    """
    document = await prepared_user(given, actor=actor, now=now)
    try:
        await users().insert_one(document)
    except DuplicateKeyError as exc:
        raise EmailTakenError from exc
    return document


async def prepared_user(given: UserInput, *, actor: str, now: datetime) -> Fields:
    """Make the document of a new user at version 1, its password hashed."""
    return new_user(given, now=now, actor=actor, password_hash=await _password_hash(given))


async def replace_user(write: Write, given: UserInput) -> RawUser:
    """Set all mapped fields; what is left out gets its default. Nothing is written where nothing changes."""
    return await _change(write, partial(_set_input, given, now=write.now))


async def patch_user(write: Write, patch: object, *, patch_type: PatchType) -> RawUser:
    """Apply a patch to what a client may write; the result must be a whole valid user.

    Raises:
        InvalidInputError: The patch does not apply, or its result does not fit.
    """

    async def patched(user: RawUser) -> Fields:
        given = parse_user(apply_patch(writable(user), patch, patch_type=patch_type))
        return await _set_input(given, user, now=write.now)

    return await _change(write, patched)


async def set_status(write: Write, status: UserStatus) -> RawUser:
    """Activate, deactivate or suspend; a user that is so already is not written."""

    async def changed(user: RawUser) -> Fields:
        return with_status(user, status, now=write.now)

    return await _change(write, changed)


async def delete_user(write: Write) -> None:
    """Mark a user as deleted: out of lists, search and counts, its e-mail free again."""

    async def marked(_: RawUser) -> Fields:
        return {"deleted_at": write.now}

    await _change(write, marked)


async def restore_user(write: Write) -> RawUser:
    """Take a deletion back; a user that is not deleted is not written.

    Raises:
        EmailTakenError: Somebody else has taken the address meanwhile.
    """

    async def unmarked(user: RawUser) -> Fields:
        return {} if user["deleted_at"] is None else {"deleted_at": None}

    return await _change(write, unmarked, also_deleted=True)


async def _set_input(given: UserInput, user: RawUser, *, now: datetime) -> Fields:
    fields = rewritten(user, given, now=now)
    password_hash = await _password_hash(given)
    return fields if password_hash is None else {**fields, "password_hash": password_hash}


async def _change(
    write: Write, change: Callable[[RawUser], Awaitable[Fields]], *, also_deleted: bool = False
) -> RawUser:
    """Compute a change from the user as it is, and write it only if the user is still so.

    Raises:
        NotFoundError, UserGoneError: There is nothing to change.
        VersionConflictError: The writer does not know the user's present version.
        EmailTakenError: Another user, not deleted, has the address.
    """
    version = 0
    for _ in range(MAX_ATTEMPTS):
        stored = await users().find_one({"_id": user_key(write.user_id)}, WITHOUT_PASSWORD)
        user = completed(found_user(stored, write.user_id, also_deleted=also_deleted))
        version = user["version"]
        write.if_match.check(user_id=write.user_id, version=version)
        fields = await change(user)
        if not fields:
            return user
        fields = stamped(stored or {}, fields, now=write.now, actor=write.actor)
        guard = guarded(user, stored_version=(stored or {}).get("version"))
        if await _is_written(guard, fields):
            return {**user, **fields}
    raise VersionConflictError(user_id=write.user_id, expected=version, actual=version + 1)


async def _is_written(guard: Fields, fields: Fields) -> bool:
    try:
        result = await users().update_one(guard, {"$set": fields})
    except DuplicateKeyError as exc:
        raise EmailTakenError from exc
    return result.matched_count == 1


async def _password_hash(given: UserInput) -> str | None:
    return None if given.password is None else await hash_password(given.password.get_secret_value())
