"""The raw user as a reader gets it: every field there, whoever wrote it. Pure.

Other clients may write users with few of the fields of `docustore.users.models.User`; what is missing reads as
its default.
"""

from collections.abc import Mapping
from typing import Any, Final

from bson import ObjectId

from docustore.users.profile import Profile, UserStatus

# The hash is excluded here, in the query: what is never read cannot leak.
WITHOUT_PASSWORD: Final[Mapping[str, Any]] = {"password_hash": 0}
# What a response is made of. An inclusion, so that fields of other clients cost nothing either.
FOR_RESPONSE: Final[Mapping[str, Any]] = dict.fromkeys(
    (
        "email",
        "first_name",
        "last_name",
        "status",
        "profile",
        "roles",
        "tags",
        "created_at",
        "updated_at",
        "version",
        "deleted_at",
    ),
    1,
)
_PROFILE: Final = Profile().model_dump(mode="json")


def user_key(user_id: str) -> ObjectId | str:
    """Read the id of an address as the value of `_id`: an ObjectId where it looks like one, else text."""
    return ObjectId(user_id) if ObjectId.is_valid(user_id) else user_id


def completed(user: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a raw user with defaults for what is missing."""
    return {
        **user,
        "email": user.get("email") or "",
        "first_name": user.get("first_name") or "",
        "last_name": user.get("last_name") or "",
        "status": user.get("status") or UserStatus.ACTIVE.value,
        "profile": completed_profile(user.get("profile")),
        "roles": list(user.get("roles") or ()),
        "local_roles": list(user.get("local_roles") or ()),
        "tags": list(user.get("tags") or ()),
        "created_at": user.get("created_at"),
        "updated_at": user.get("updated_at"),
        "deleted_at": user.get("deleted_at"),
        "version": user.get("version") or 1,
    }


def completed_profile(profile: object) -> dict[str, Any]:
    """Copy a raw profile, in the models' order of fields, with defaults for what is missing."""
    given = profile if isinstance(profile, Mapping) else {}
    preferences = given.get("preferences")
    chosen = preferences if isinstance(preferences, Mapping) else {}
    return {
        "avatar": given.get("avatar"),
        "bio": given.get("bio"),
        "location": given.get("location"),
        "preferences": {name: chosen.get(name, default) for name, default in _PROFILE["preferences"].items()},
    }
