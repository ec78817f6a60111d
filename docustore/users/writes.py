"""Turn a write through the API into changes of the stored document. Pure.

A write through the API is one more identity of the user, with source `local`. So the rule "the newest record wins"
also holds between the API and the ETL; see `docustore.users.identities`. The business rules are the methods of
`docustore.users.rules.UserRules`. This module only compares the user before and after their calls.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from bson import ObjectId
from pydantic import ValidationError

from docustore.users.cause import Cause
from docustore.users.fields import WRITABLE
from docustore.users.identities import derive, local_write, values_of
from docustore.users.rules import UserRules
from docustore.users.schemas import UserInput
from docustore.users.sound import exactly, sound_identities, version_of
from docustore.users.stored import SCHEMA_VERSION

Fields = dict[str, Any]
AnyUser = TypeVar("AnyUser", bound=UserRules)
_TICK: Final = timedelta(milliseconds=1)
_LATEST: Final = datetime.max.replace(tzinfo=UTC) - _TICK
# The stored fields that business methods may change; `identities` and `search_terms` depend on them.
_CHANGEABLE: Final = (*WRITABLE, "local_roles", "deleted_at")


def loaded(user: Mapping[str, Any], model: type[AnyUser]) -> AnyUser:
    """Load a complete raw user as the model.

    Another client may have stored a value that the model would refuse or alter. Such a value is loaded unchanged.
    A method may replace it. A write to other fields does not change it.
    """
    given = {name: user[name] for name in model.model_fields if name in user}
    try:
        found = model(**given)
    except ValidationError as exc:
        unfit = {str(error["loc"][0]) for error in exc.errors()}
        found = model(**{"email": "", **{name: value for name, value in given.items() if name not in unfit}})
    plain = found.plain(_CHANGEABLE)
    found.__dict__.update({name: user[name] for name in _CHANGEABLE if plain[name] != user[name]})
    return found


def new_user(
    given: UserInput, *, now: datetime, cause: Cause, password_hash: str | None, user_id: ObjectId | None = None
) -> Fields:
    """Make the document of a user that the API creates; all its roles are local.

    Args:
        user_id: None for a new id.
    """
    user_id = user_id or ObjectId()
    values = {**given.values(created_at=now), "roles": []}
    identities = local_write({"_id": user_id, "updated_at": now}, user_id=str(user_id), values=values, now=now)
    document: Fields = {
        "_id": user_id,
        **derive(identities, user={"local_roles": given.roles}),
        "local_roles": given.roles,
        "created_at": now,
        "updated_at": now,
        "updated_by": cause.actor,
        "cause": cause.as_document(),
        "deleted_at": None,
        "version": 1,
        "schema_version": SCHEMA_VERSION,
    }
    return document if password_hash is None else {**document, "password_hash": password_hash}


def changed_fields(stored: Mapping[str, Any], before: UserRules, after: UserRules, *, now: datetime) -> Fields:
    """Return the changes of a business method, and all derived fields.

    Empty if the method changed nothing.

    Args:
        stored: The complete raw user; both models were loaded from it.
    """
    old, new = before.plain(_CHANGEABLE), after.plain(_CHANGEABLE)
    changed = {name: value for name, value in new.items() if value != old[name]}
    fields: Fields = {"deleted_at": changed.pop("deleted_at")} if "deleted_at" in changed else {}
    if not changed:
        return fields
    values = values_of({**stored, **changed})
    local_roles = new["local_roles"]
    moment = _later_than_known(stored, now)
    identities = local_write(stored, user_id=str(stored["_id"]), values=values, now=moment)
    derived = derive(identities, user={**stored, "local_roles": local_roles})
    return {**derived, "local_roles": local_roles, **fields}


def guarded(user: Mapping[str, Any], *, stored_version: object) -> Fields:
    """Build the filter that matches a user only if no other writer has changed it.

    Args:
        stored_version: As it is stored. None if another client wrote the user without a version.
    """
    return {"_id": user["_id"], "version": exactly(stored_version), "deleted_at": exactly(user["deleted_at"])}


def stamped(stored: Mapping[str, Any], fields: Fields, *, now: datetime, cause: Cause) -> Fields:
    """Keep the fields that differ from the stored user; add version, time and cause.

    Another client may write without raising the version. The guard does not notice such a write. Only changed
    fields are written, so that this write does not undo the other one.
    """
    differing = {name: value for name, value in fields.items() if name not in stored or stored[name] != value}
    version = version_of(stored) + 1
    stamp = {"updated_at": now, "updated_by": cause.actor, "cause": cause.as_document()}
    return {**differing, "version": version, **stamp}


def _later_than_known(user: Mapping[str, Any], now: datetime) -> datetime:
    """Return now, or 1 ms after the newest identity: a source's clock may be ahead."""
    known: list[datetime] = [
        time
        for entry in sound_identities(user)
        for time in (entry["modified_at"], entry.get("deleted_at"))
        if time is not None
    ]
    # No time is later than the last moment of the calendar. An edit counts over a version of the same time.
    return max((now, *(min(time, _LATEST) + _TICK for time in known)))
