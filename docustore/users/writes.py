"""What a write through the API changes in a user's document. Pure.

A write through the API is one more identity of the user, with source `local`, so that the rule "the newest
record wins" holds between it and the ETL; see `docustore.users.identities`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId

from docustore.users.identities import Values, derive, local_write, values_of
from docustore.users.models import SCHEMA_VERSION, User
from docustore.users.profile import UserStatus
from docustore.users.schemas import UserInput

Fields = dict[str, Any]
_TICK: Final = timedelta(milliseconds=1)
_STATUS_METHODS: Final = {
    UserStatus.ACTIVE: User.activate,
    UserStatus.INACTIVE: User.deactivate,
    UserStatus.SUSPENDED: User.suspend,
}


def new_user(given: UserInput, *, now: datetime, actor: str, password_hash: str | None) -> Fields:
    """Make the document of a user that the API creates; roles given here are local ones."""
    user_id = ObjectId()
    values = given.values(created_at=now)
    values["roles"] = []
    identities = local_write({"_id": user_id, "updated_at": now}, user_id=str(user_id), values=values, now=now)
    document: Fields = {
        "_id": user_id,
        **derive(identities, user={"local_roles": given.roles}),
        "local_roles": given.roles,
        "created_at": now,
        "updated_at": now,
        "updated_by": actor,
        "deleted_at": None,
        "version": 1,
        "schema_version": SCHEMA_VERSION,
    }
    return document if password_hash is None else {**document, "password_hash": password_hash}


def rewritten(user: Mapping[str, Any], given: UserInput, *, now: datetime) -> Fields:
    """List the fields that change when the API sets a user's mapped fields; empty if none does.

    Args:
        user: The complete document as it is.
        given: The mapped fields as they are to be. Roles other than the present ones become local roles.
    """
    old = values_of(user)
    local_roles = user["local_roles"]
    values = given.values(created_at=user["created_at"])
    if given.roles == user["roles"]:
        values["roles"] = old["roles"]
    else:
        local_roles, values["roles"] = given.roles, []
    if values == old and local_roles == user["local_roles"]:
        return {}
    return _after(user, values, local_roles=local_roles, now=now)


def with_status(user: Mapping[str, Any], status: UserStatus, *, now: datetime) -> Fields:
    """List the fields that change when the API sets a user's status; empty if it has it."""
    model = User.model_construct(status=UserStatus(user["status"]))
    _STATUS_METHODS[status](model)
    if model.status.value == user["status"]:
        return {}
    values = values_of(user)
    values["status"] = model.status.value
    return _after(user, values, local_roles=user["local_roles"], now=now)


def _after(user: Mapping[str, Any], values: Values, *, local_roles: list[str], now: datetime) -> Fields:
    # A source whose clock runs ahead must not make a write of this very moment look old.
    known = [
        time
        for entry in user.get("identities") or ()
        for time in (entry["modified_at"], entry.get("deleted_at"))
        if time is not None
    ]
    moment = max((now, *(time + _TICK for time in known)))
    identities = local_write(user, user_id=str(user["_id"]), values=values, now=moment)
    return {**derive(identities, user={"local_roles": local_roles}), "local_roles": local_roles}


def guarded(user: Mapping[str, Any], *, stored_version: int | None) -> Fields:
    """Build the filter that matches a user only while nobody else has changed it.

    Args:
        stored_version: None where another client wrote the user without a version.
    """
    return {"_id": user["_id"], "version": stored_version, "deleted_at": user["deleted_at"]}


def stamped(stored: Mapping[str, Any], fields: Fields, *, now: datetime, actor: str) -> Fields:
    """Keep what differs from the stored user; add the next version, and when and by whom it was written.

    Another client may write without raising the version, and so past the guard: a field that this write leaves as
    it was read must not undo that.
    """
    differing = {name: value for name, value in fields.items() if name not in stored or stored[name] != value}
    version = (stored.get("version") or 1) + 1
    return {**differing, "version": version, "updated_at": now, "updated_by": actor}
