"""Write an earlier state of a user again, as a new version."""

from docustore.database import Database
from docustore.errors import FieldError, InvalidInputError, NotFoundError
from docustore.history.horizon import Horizon
from docustore.history.rows import Image
from docustore.history.stored_rows import history_rows, states_of_rows
from docustore.users.fields import WRITABLE
from docustore.users.models import User
from docustore.users.schemas import UserInput, parse_user
from docustore.users.service import Write, replace_user
from docustore.users.stored import RawUser, completed, user_key
from docustore.users.writes import loaded


async def restore_version(database: Database, horizon: Horizon, write: Write, number: int) -> RawUser:
    """Set the writable fields to those after one change; the password stays.

    It is a write through the API like any other: the new version wins over the upstream systems until they send a
    newer one. A user that has these fields already is not written.

    Raises:
        NotFoundError: The user has no such change, or did not exist after it.
        InvalidInputError: The state is not complete, or not valid any more.
        NotFoundError, UserGoneError, VersionConflictError, EmailTakenError: See `replace_user`.
    """
    return await replace_user(write, await _given(database, horizon, write.user_id, number))


async def _given(database: Database, horizon: Horizon, user_id: str, number: int) -> UserInput:
    which = {"_id": number, "user_id": user_key(user_id)}
    row = await history_rows(database).find_one(which) if 1 <= number <= horizon.seq else None
    [state] = [None] if row is None else await states_of_rows(database, [row], seq=horizon.seq)
    if row is None or state is None:
        raise NotFoundError(kind=f"state of user {user_id} after change", id=str(number))
    if missing := [name for name in row.get("omitted") or () if name in WRITABLE]:
        detail = f"history does not have {', '.join(missing)} of this state: too large to be kept"
        raise InvalidInputError((FieldError(pointer="", code="state_incomplete", detail=detail),))
    return given_of(state)


def given_of(state: Image) -> UserInput:
    """Read the writable fields of a state as the body of a replacement. Pure.

    Raises:
        InvalidInputError: Another client wrote a value that the API does not accept.
    """
    return parse_user(loaded(completed(state), User).writable())
