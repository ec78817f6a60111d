"""Raw users with all their fields, for readers. Pure.

Other clients may write users with few of the fields of `docustore.users.models.User`. A missing field is read as
its default.
"""

from collections.abc import Mapping
from typing import Any, Final

import bson
from bson import ObjectId
from bson.errors import InvalidId

from docustore.users.fields import IN_RESPONSE, completed_fields
from docustore.users.sound import local_roles_of, version_of

RawUser = Mapping[str, Any]
USERS: Final = "users"
# The number of the last migration of `docustore.migrations`. A new user is stored with it. A migration sets its
# number in each user that it changes. So a user has at least the shape of its `schema_version`.
SCHEMA_VERSION: Final = 5
# The hash is excluded here, in the query: what is never read cannot leak.
WITHOUT_PASSWORD: Final[Mapping[str, Any]] = {"password_hash": 0}
# The fields of a response. This is an inclusion, so that unknown fields of other clients cost nothing.
FOR_RESPONSE: Final[Mapping[str, Any]] = dict.fromkeys(IN_RESPONSE, 1)


def user_key(user_id: str) -> ObjectId | str:
    """Read the id of a URL as `_id`: an ObjectId if it has that form, else text."""
    try:
        return ObjectId(user_id)
    except InvalidId:
        return user_id


def id_key(user_id: Any) -> Any:
    """Return what stands for an id in sets and mappings.

    Another client may use any value as an id, such as a document, which has no hash.
    """
    return user_id if isinstance(user_id, str | ObjectId) else bson.encode({"": user_id})


def completed(user: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a raw user; a missing field gets its default."""
    registered = user.get("created_at")
    return {
        **user,
        **completed_fields(user),
        # A list must be replaced by a write, see `registration_of`; also an empty one.
        **({"created_at": registered} if isinstance(registered, list) else {}),
        "local_roles": local_roles_of(user),
        "updated_at": user.get("updated_at"),
        "deleted_at": user.get("deleted_at"),
        "version": version_of(user),
    }
