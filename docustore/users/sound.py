"""Read parts of a raw user that another client may have stored wrongly. Pure.

The collection's validator refuses such values, but a client may write past it, or may have written before it
existed. The parts here are needed for every write: a write must not fail because of them. The next write that
changes a user also stores the parts in their valid form.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bson import Int64, ObjectId

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# A greater number could not be raised any more: it is a 64-bit number in the store.
_MAX_VERSION: Final = 2**62
_NUMBERS: Final = (int, Int64)
# These types have no other meaning in a filter.
_PLAIN: Final = frozenset({int, type(None), str, bool, datetime})
# The parts of an identity, and their types. The validator allows null for the optional ones; docustore never
# stores it.
_REQUIRED: Final[Mapping[str, type]] = {"key": str, "modified_at": datetime, "hash": str}
_OPTIONAL: Final[Mapping[str, type]] = {
    "deleted_at": datetime,
    "absent": bool,
    "rivals": list,
    "mapping": str,
    "values": dict,
}


def version_of(user: Mapping[str, Any]) -> int:
    """Return the version of a user; 1 if it is none."""
    version = user.get("version")
    # Not `isinstance`: a `bool` is an `int`.
    if type(version) in _NUMBERS and 1 <= version < _MAX_VERSION:  # type: ignore[operator]
        return int(version)  # type: ignore[arg-type]
    return 1


def local_roles_of(user: Mapping[str, Any]) -> list[Any]:
    """Copy the local roles of a user."""
    roles = user.get("local_roles")
    return list(roles) if isinstance(roles, list | tuple) else []


def address_of(values: Mapping[str, Any]) -> str:
    """Return an e-mail address; the empty text if it is none."""
    email = values.get("email")
    return email if type(email) is str else ""


def time_of(value: object) -> datetime | None:
    """Return a time; None for any other value."""
    return value if isinstance(value, datetime) else None


def registration_of(user: Mapping[str, Any]) -> datetime:
    """Return a registration time instead of a list.

    It is the first time in the list, else that of the id. MongoDB refuses a list beside roles and
    tags: one index has both.
    """
    times = (time for each in user["created_at"] if (time := time_of(each)) is not None)
    user_id = user.get("_id")
    return next(times, user_id.generation_time if isinstance(user_id, ObjectId) else EPOCH)


def exactly(value: Any) -> Any:
    """Return the condition of a filter for this value of any type.

    A document or a regular expression in a filter would not be compared, but evaluated.
    """
    return value if type(value) in _PLAIN else {"$eq": value}


def keyed_identities(user: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the identities that have a key, with the parts that were read."""
    given = user.get("identities")
    for entry in given if isinstance(given, list) else [given]:
        if isinstance(entry, Mapping) and type(entry.get("key")) is str:
            yield entry


def sound_identities(user: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """List the identities of a user with valid parts.

    An identity without a time is older than every record of its source, so the next record replaces it. A part of
    the wrong type is left out. An element without a key is no identity.
    """
    given = user.get("identities")
    if type(given) is list:
        # Almost every user has one.
        if len(given) == 1 and _is_sound(given[0]):
            return given
        if all(map(_is_sound, given)) and _are_distinct(given):
            return given
    elif isinstance(given, Mapping):
        # The index of identities treats one document like a list of one.
        given = [given]
    else:
        return []
    # Of several elements with one key, the last one counts.
    return list({entry["key"]: entry for entry in map(_repaired, given) if entry is not None}.values())


def _are_distinct(entries: Sequence[Mapping[str, Any]]) -> bool:
    return len({entry["key"] for entry in entries}) == len(entries)


def _is_sound(entry: object) -> bool:
    if type(entry) is not dict:
        return False
    get = entry.get
    if type(get("key")) is not str or type(get("modified_at")) is not datetime or type(get("hash")) is not str:
        return False
    return len(entry) == len(_REQUIRED) or all(
        _is_part(name, value) for name, value in entry.items() if name not in _REQUIRED
    )


def _is_part(name: str, value: object) -> bool:
    if type(value) is not _OPTIONAL.get(name):
        return False
    return name != "rivals" or all(type(digest) is str for digest in value)  # type: ignore[attr-defined]


def _repaired(entry: object) -> dict[str, Any] | None:
    if not isinstance(entry, Mapping) or type(entry.get("key")) is not str:
        return None
    modified_at, digest = entry.get("modified_at"), entry.get("hash")
    required = {
        "key": entry["key"],
        "modified_at": modified_at if isinstance(modified_at, datetime) else EPOCH,
        "hash": digest if type(digest) is str else "",
    }
    return required | {name: entry[name] for name in _OPTIONAL if name in entry and _is_part(name, entry[name])}
