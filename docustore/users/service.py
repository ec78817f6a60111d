"""Change single users.

Each write is guarded by the version of the user that it was computed from.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pymongo.errors import DuplicateKeyError, OperationFailure

from docustore.api.patches import PatchType, apply_patch
from docustore.errors import EmailTakenError, UserBusyError, UserRefusedError
from docustore.transient import UNAUTHORIZED
from docustore.users.bounded import bounded_write
from docustore.users.cause import Cause
from docustore.users.models import User
from docustore.users.new_password import NewPassword
from docustore.users.preconditions import IfMatch
from docustore.users.refused import named_refusal
from docustore.users.schemas import UserInput, parse_user
from docustore.users.store import found_user, users
from docustore.users.stored import WITHOUT_PASSWORD, RawUser, completed, user_key
from docustore.users.writes import Fields, changed_fields, guarded, loaded, new_user, stamped

# Another write, such as the ETL's, may come first. A write that accepts any version is then retried for this time.
RETRY_FOR_S: Final = 5.0
FIRST_PAUSE_S: Final = 0.005
LONGEST_PAUSE_S: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write to one user: its id, the accepted versions, the cause and the time."""

    user_id: str
    if_match: IfMatch
    cause: Cause
    now: datetime


async def create_user(given: UserInput, *, cause: Cause, now: datetime) -> RawUser:
    """Store a new user with version 1.

    Raises:
        EmailTakenError: Another user, who is not deleted, has the address.
        UserRefusedError: The validator refuses the user.
        WriteHeldUpError: A transaction that has not ended writes the same address.
    """
    document = await prepared_user(given, cause=cause, now=now)
    try:
        with bounded_write(), named_refusal():
            await users().insert_one(document)
    except DuplicateKeyError as exc:
        raise EmailTakenError from exc
    return document


async def prepared_user(given: UserInput, *, cause: Cause, now: datetime) -> Fields:
    """Make the document of a new user with version 1 and a hashed password."""
    return new_user(given, now=now, cause=cause, password_hash=await NewPassword().hash_of(given))


async def replace_user(write: Write, given: UserInput) -> RawUser:
    """Set all writable fields; a field that is left out gets its default."""
    password = NewPassword()

    async def replaced(user: User) -> Fields:
        user.rewrite(given)
        return await _password_field(write, given, password)

    return await _change(write, replaced)


async def patch_user(write: Write, patch: object, *, patch_type: PatchType) -> RawUser:
    """Apply a patch to the writable fields; the result must be a whole valid user.

    Raises:
        InvalidInputError: The patch cannot be applied, or its result is invalid.
    """
    password = NewPassword()

    async def patched(user: User) -> Fields:
        given = parse_user(apply_patch(user.writable(), patch, patch_type=patch_type))
        user.rewrite(given)
        return await _password_field(write, given, password)

    return await _change(write, patched)


async def act(write: Write, action: Callable[[User], None], *, also_deleted: bool = False) -> RawUser:
    """Call a business method of a user and save its changes.

    A method that changes nothing causes no write. Raises the errors of `_change`.

    Args:
        action: A business method, such as `User.activate`.
        also_deleted: True if the action accepts a deleted user.
    """

    async def acted(user: User) -> Fields:
        action(user)
        return {}

    return await _change(write, acted, also_deleted=also_deleted)


async def delete_user(write: Write) -> None:
    """Mark a user as deleted; another user may then take its e-mail address.

    A user that the validator refuses is deleted too, if docustore's account may write past the validator.
    """

    async def deleted(user: User) -> Fields:
        user.mark_deleted(write.now)
        return {}

    await _change(write, deleted, past_validator=True)


async def restore_user(write: Write) -> RawUser:
    """Restore a deleted user; a user that is not deleted is not written.

    Raises:
        EmailTakenError: Another user has taken the address since the deletion.
    """
    return await act(write, User.restore, also_deleted=True)


async def _change(
    write: Write,
    change: Callable[[User], Awaitable[Fields]],
    *,
    also_deleted: bool = False,
    past_validator: bool = False,
) -> RawUser:
    """Load a user, call `change`, and save the differences.

    The save succeeds only if no other writer has changed the user since. Otherwise the whole step is retried with
    random pauses that grow.

    Args:
        change: Changes the user. Returns stored fields that the model does not have, such as the password hash.
        past_validator: True if a user that is refused must be written.

    Raises:
        NotFoundError: No user has this id.
        UserGoneError: The user is deleted, and `also_deleted` is false.
        VersionConflictError: The writer named versions, and the present one is not among them.
        UserBusyError: Other writers came first for five seconds. Nothing was written.
        EmailTakenError: Another user, who is not deleted, has the address.
        UserRefusedError: The validator refuses the user.
        WriteHeldUpError: A transaction that has not ended writes the same address.
    """
    deadline = time.monotonic() + RETRY_FOR_S
    pause_s = FIRST_PAUSE_S
    while True:
        stored = await users().find_one({"_id": user_key(write.user_id)}, WITHOUT_PASSWORD)
        raw = completed(found_user(stored, write.user_id, also_deleted=also_deleted))
        write.if_match.check(user_id=write.user_id, version=raw["version"])
        user = loaded(raw, User)
        before = user.model_copy()
        extra = await change(user)
        fields = {**changed_fields(raw, before, user, now=write.now), **extra}
        if not fields:
            return raw
        fields = stamped(stored or {}, fields, now=write.now, cause=write.cause)
        guard = guarded(raw, stored_version=(stored or {}).get("version"))
        if await _is_written(guard, fields, past_validator=past_validator):
            return {**raw, **fields}
        if time.monotonic() >= deadline:
            raise UserBusyError(write.user_id)
        # Random, so that writers that lost one race do not meet again in the next one.
        await asyncio.sleep(random.uniform(0, pause_s))  # noqa: S311  # not a secret
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def _is_written(guard: Fields, fields: Fields, *, past_validator: bool) -> bool:
    try:
        with bounded_write(), named_refusal():
            result = await users().update_one(guard, {"$set": fields})
    except DuplicateKeyError as exc:
        raise EmailTakenError from exc
    except UserRefusedError as refusal:
        if not past_validator:
            raise
        return await _is_written_past_validator(guard, fields, refusal)
    return result.matched_count == 1


async def _is_written_past_validator(guard: Fields, fields: Fields, refusal: UserRefusedError) -> bool:
    try:
        with bounded_write():
            result = await users().update_one(guard, {"$set": fields}, bypass_document_validation=True)
    except OperationFailure as exc:
        # The role `readWrite` does not include the right.
        if exc.code != UNAUTHORIZED:
            raise
        raise refusal from exc
    return result.matched_count == 1


async def _password_field(write: Write, given: UserInput, password: NewPassword) -> Fields:
    password_hash = await password.hash_of(given, user_id=user_key(write.user_id))
    return {} if password_hash is None else {"password_hash": password_hash}
