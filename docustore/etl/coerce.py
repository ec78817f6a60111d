"""Parse a record with unexpected types, field by field. Pure.

Also accepted are numbers as ids, words as flags, epoch numbers as times, a space between date and time, and one
text as a list. Any other type is an error with its pointer. All errors of a record are found.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from docustore.errors import FieldError
from docustore.etl.records import (
    ID_NAMES,
    MODIFIED_NAMES,
    RecordRejectedError,
    WirePreferences,
    WireProfile,
    WireRecord,
    fields_at,
)
from docustore.users.field_types import Reading

TRUE_WORDS: Final = frozenset({"true", "yes", "1", "y", "t", "on"})
FALSE_WORDS: Final = frozenset({"false", "no", "0", "n", "f", "off", ""})
# In seconds, this is the year 5138. A greater number is in milliseconds.
MAX_EPOCH_S: Final = 1e11

_TYPE_NAMES: Final[Mapping[type, str]] = {
    str: "text", bool: "a flag", int: "a number", float: "a number", list: "a list", dict: "an object",
}  # fmt: skip


class _UnreadableError(Exception):
    """One field that cannot be read; raised and caught only in this module."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail


def coerce(record: Mapping[str, Any]) -> Any:
    """Read every known field of a record.

    Returns:
        A `WireRecord`.

    Raises:
        RecordRejectedError: One error for each field that cannot be read.
    """
    errors: list[FieldError] = []
    fields = _read_fields(record, _RECORD_FIELDS, "", errors)
    if "profile" in fields:
        profile = _read_fields(fields["profile"], _PROFILE_FIELDS, "/profile", errors)
        if "preferences" in profile:
            chosen = _read_fields(profile["preferences"], _PREFERENCE_FIELDS, "/profile/preferences", errors)
            profile["preferences"] = WirePreferences(**chosen)
        fields["profile"] = WireProfile(**profile)
    if errors:
        raise RecordRejectedError(*errors)
    return WireRecord(**fields)


def _read_fields(
    given: Mapping[str, Any], known: Mapping[str, Callable[[Any], Any]], at: str, errors: list[FieldError]
) -> dict[str, Any]:
    taken: dict[str, Any] = {}
    for name, read in known.items():
        value = given.get(name)
        if value is None:
            continue
        try:
            taken[name] = read(value)
        except _UnreadableError as error:
            errors.append(FieldError(pointer=f"{at}/{name}", code=error.code, detail=error.detail))
    return taken


def identifier_or_none(value: object) -> str | None:
    """Read an id of any accepted type; None if it has none."""
    try:
        return _identifier(value)
    except _UnreadableError:
        return None


def time_or_none(value: object) -> datetime | None:
    """Read a time in any accepted form; None if it has none."""
    try:
        return _time(value)
    except _UnreadableError:
        return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _expected("text", value)
    return value


def _identifier(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _expected("text or a whole number", value)
    return str(value)


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise _expected("true or false", value)


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _expected("an object", value)
    return value


def _labels(value: object) -> list[str]:
    if isinstance(value, str):
        return value.replace(";", ",").replace("|", ",").split(",")
    if isinstance(value, list) and all(isinstance(label, str) for label in value):
        return value
    raise _expected("a list of texts", value)


def _time(value: object) -> datetime | None:
    if isinstance(value, datetime):
        # A mapping has read it.
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_epoch(value)
    if not isinstance(value, str):
        raise _expected("a time", value)
    if not value.strip():
        return None
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError as exc:
        detail = "not a valid time; use a form such as 2026-01-31T12:00:00Z with a real date and zone"
        raise _UnreadableError("time_malformed", detail) from exc


def _from_epoch(value: float) -> datetime:
    try:
        return datetime.fromtimestamp(value if abs(value) < MAX_EPOCH_S else value / 1000, UTC)
    except (OverflowError, ValueError, OSError) as exc:
        raise _UnreadableError("out_of_range", "the time is not between the years 1 and 9999") from exc


def _expected(wanted: str, value: object) -> _UnreadableError:
    return _UnreadableError("wrong_type", f"must be {wanted}, not {_TYPE_NAMES.get(type(value), 'null')}")


_READERS: Final[Mapping[Reading, Callable[[Any], Any]]] = {
    **dict.fromkeys(
        (Reading.EMAIL, Reading.TEXT, Reading.URL, Reading.WORDS, Reading.STATUS, Reading.THEME), _text
    ),
    Reading.FLAG: _flag,
    Reading.LABELS: _labels,
    Reading.TIME: _time,
}


def _readers_at(*path: str) -> dict[str, Callable[[Any], Any]]:
    return {name: _READERS[field.wire.reading] for field in fields_at(*path) for name in field.wire_names}


_PREFERENCE_FIELDS: Final = _readers_at("profile", "preferences")
_PROFILE_FIELDS: Final = {**_readers_at("profile"), "preferences": _object, **_PREFERENCE_FIELDS}
_RECORD_FIELDS: Final = {
    **dict.fromkeys(ID_NAMES, _identifier),
    **_readers_at(),
    **dict.fromkeys(MODIFIED_NAMES, _time),
    "profile": _object,
    "deleted": _flag,
}
