"""Read users from the store: the raw collection, and single users."""

from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from docustore.errors import NotFoundError, UserGoneError
from docustore.users.email import EmailMalformedError, normalise_email
from docustore.users.models import User
from docustore.users.stored import FOR_RESPONSE, RawUser


def users() -> AsyncCollection[dict[str, Any]]:
    """Return the raw collection; it returns aware times."""
    return User.get_pymongo_collection()


async def find_user_by_email(email: str) -> RawUser:
    """Read the user with this e-mail address, in any spelling; ignore deleted users.

    Raises:
        NotFoundError: No such user exists.
    """
    try:
        found = await users().find_one({"email": normalise_email(email), "deleted_at": None}, FOR_RESPONSE)
    except EmailMalformedError:
        found = None
    if found is None:
        raise NotFoundError(kind="user", id="with this e-mail address")
    return found


def found_user(found: RawUser | None, user_id: str, *, also_deleted: bool = False) -> RawUser:
    """Return the user of a query by id, or raise if there is none.

    Raises:
        NotFoundError: No user has this id.
        UserGoneError: The user is deleted, and `also_deleted` is false.
    """
    if found is None:
        raise NotFoundError(kind="user", id=user_id)
    if found.get("deleted_at") is not None and not also_deleted:
        raise UserGoneError(user_id)
    return found
