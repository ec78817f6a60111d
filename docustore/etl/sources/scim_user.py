"""Turn a SCIM user (RFC 7643, 4.1) into a record. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from docustore.clock import as_utc

# Some providers send flags as words, such as "False".
_FALSE: Final = frozenset({"false", "0", "no"})

_decoder: Final = msgspec.json.Decoder()


def scim_record(raw: bytes, *, with_attributes: bool = False) -> tuple[bytes, datetime | None]:
    """Return the record of a user, and the time of its last change.

    A resource that is no JSON object stays as it is: it is rejected later, with its reason.

    Args:
        with_attributes: Keep the attributes of SCIM beside the fields, for the mapping of the source.
    """
    try:
        user = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw, None
    if not isinstance(user, dict):
        return raw, None
    record = {name: value for name, value in _values(user) if value not in (None, "", [], {})}
    if with_attributes:
        record = {**user, **record}
    return msgspec.json.encode(record), _time(_part(user, "meta").get("lastModified"))


def _values(user: Mapping[str, Any]) -> list[tuple[str, Any]]:
    name, meta = _part(user, "name"), _part(user, "meta")
    user_name = user.get("userName")
    is_email = isinstance(user_name, str) and "@" in user_name
    language = user.get("preferredLanguage") or user.get("locale")
    profile = {
        "avatar": _primary(user.get("photos"), "value"),
        "location": _primary(user.get("addresses"), "locality"),
        # `en-US` and `en_US`: docustore keeps the language only.
        "language": language.replace("_", "-").split("-")[0] if isinstance(language, str) else None,
    }
    return [
        ("id", user.get("id")),
        ("email", _primary(user.get("emails"), "value") or (user_name if is_email else None)),
        ("first_name", name.get("givenName")),
        ("last_name", name.get("familyName")),
        ("status", _status(user.get("active"))),
        ("profile", {key: value for key, value in profile.items() if value}),
        ("roles", _labels(user.get("roles"))),
        ("modified_at", meta.get("lastModified")),
        ("created_at", meta.get("created")),
    ]


def _part(user: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = user.get(name)
    return part if isinstance(part, Mapping) else {}


def _status(active: Any) -> str | None:
    if active is None:
        return None
    return "inactive" if str(active).strip().lower() in _FALSE else "active"


def _primary(values: Any, part: str) -> Any:
    """Return a part of the primary value, or else of the first that has it."""
    found = [value for value in _entries(values) if value.get(part)]
    primary = [value for value in found if str(value.get("primary")).lower() == "true"]
    return (primary or found or [{}])[0].get(part)


def _labels(values: Any) -> list[Any]:
    return [value["value"] for value in _entries(values) if value.get("value")]


def _entries(values: Any) -> list[Mapping[str, Any]]:
    """Return the values of a multi-valued attribute, each with its parts."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        return []
    return [value if isinstance(value, Mapping) else {"value": value} for value in values]


def _time(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return as_utc(datetime.fromisoformat(text))
    except ValueError:
        return None
