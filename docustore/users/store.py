"""Read users from the store: the raw collection, and single users by id or e-mail address."""

from collections.abc import Mapping
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from docustore.errors import NotFoundError, UserGoneError
from docustore.users.email import EmailMalformedError, normalise_email
from docustore.users.models import User
from docustore.users.stored import FOR_RESPONSE

RawUser = Mapping[str, Any]


def users() -> AsyncCollection[dict[str, Any]]:
    """Return the raw collection; times come back aware."""
    return User.get_pymongo_collection()


async def find_user_by_email(email: str) -> RawUser:
    """Read the user, not deleted, with this e-mail address in any spelling.

    Raises:
        NotFoundError: There is none.
    """
    try:
        found = await users().find_one({"email": normalise_email(email), "deleted_at": None}, FOR_RESPONSE)
    except EmailMalformedError:
        found = None
    if found is None:
        raise NotFoundError(kind="user", id="with this e-mail address")
    return found


def found_user(found: RawUser | None, user_id: str, *, also_deleted: bool = False) -> RawUser:
    """Return what was found, if it is there.

    Raises:
        NotFoundError: There never was one with this id.
        UserGoneError: It was deleted, and deleted ones are not asked for.
    """
    if found is None:
        raise NotFoundError(kind="user", id=user_id)
    if found.get("deleted_at") is not None and not also_deleted:
        raise UserGoneError(user_id)
    return found
