"""Raw users as readers get them: every field is there, whichever client wrote the user. Pure.

Other clients may write users with few of the fields of `docustore.users.models.User`. A missing field reads as its
default.
"""

from collections.abc import Mapping
from typing import Any, Final

from bson import ObjectId

from docustore.users.fields import IN_RESPONSE, completed_fields

# The shape of a stored user; every writer stamps it.
SCHEMA_VERSION: Final = 1
# The hash is excluded here, in the query: what is never read cannot leak.
WITHOUT_PASSWORD: Final[Mapping[str, Any]] = {"password_hash": 0}
# The fields of a response. An inclusion, so that fields of other clients cost nothing either.
FOR_RESPONSE: Final[Mapping[str, Any]] = dict.fromkeys(IN_RESPONSE, 1)


def user_key(user_id: str) -> ObjectId | str:
    """Read an id of a URL as the value of `_id`: an ObjectId if it looks like one, else text."""
    return ObjectId(user_id) if ObjectId.is_valid(user_id) else user_id


def completed(user: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a raw user with defaults for what is missing."""
    return {
        **user,
        **completed_fields(user),
        "local_roles": list(user.get("local_roles") or ()),
        "updated_at": user.get("updated_at"),
        "deleted_at": user.get("deleted_at"),
        "version": user.get("version") or 1,
    }
