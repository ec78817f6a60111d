"""Parse one record of an upstream system. Pure.

A record is a JSON object. `docustore.users.fields` declares the keys that it may use. The common case is decoded
directly into a struct. A record with other types is parsed field by field (`coerce.py`), so that all its errors
are found.
"""

import re
from datetime import datetime
from typing import Any, Final

import msgspec

from docustore.errors import FieldError
from docustore.users.field_types import Reading
from docustore.users.fields import FIELDS, UserField

# Keys that are not fields of the user. A record may have several of them; the first one listed here wins.
ID_NAMES: Final = ("id", "external_id", "externalId")
MODIFIED_NAMES: Final = ("modified_at", "modifiedAt", "updated_at", "updatedAt")

_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_NOT_A_NUMBER: Final = re.compile(rb"[:\[,]\s*-?(?:NaN|Infinity)\b")
_TYPES: Final[dict[Reading, Any]] = {
    **dict.fromkeys((Reading.EMAIL, Reading.TEXT, Reading.URL, Reading.WORDS, Reading.STATUS, Reading.THEME), str),
    Reading.FLAG: bool,
    Reading.LABELS: list[str],
    Reading.TIME: datetime,
}


def fields_at(*path: str) -> tuple[UserField, ...]:
    """List the fields directly below a path, such as `profile`."""
    return tuple(field for field in FIELDS if field.path[:-1] == path)


def _wire_fields(*path: str) -> list[tuple[str, Any, None]]:
    return [(name, _TYPES[f.wire.reading] | None, None) for f in fields_at(*path) for name in f.wire_names]


# `profile.preferences` as the source sends it.
WirePreferences: Final = msgspec.defstruct("WirePreferences", _wire_fields("profile", "preferences"))
# `profile` as the source sends it; it may also contain the keys of preferences directly.
WireProfile: Final = msgspec.defstruct(
    "WireProfile",
    [
        *_wire_fields("profile"),
        *_wire_fields("profile", "preferences"),
        ("preferences", WirePreferences | None, None),
    ],
)
# A record as the source sends it. Only the types are checked. Unknown keys are ignored.
WireRecord: Final = msgspec.defstruct(
    "WireRecord",
    [
        *((name, str | int | None, None) for name in ID_NAMES),
        *_wire_fields(),
        *((name, datetime | None, None) for name in MODIFIED_NAMES),
        ("profile", WireProfile | None, None),
        ("deleted", bool | None, None),
    ],
)


class RecordRejectedError(Exception):
    """A record that cannot be loaded, with every reason; raised only inside the ETL."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{error.pointer}: {error.code}" for error in errors))
        self.errors = errors
        # What can be recognised of the record nevertheless.
        self.identity_key: str | None = None
        self.modified_at: datetime | None = None


_typed: Final = msgspec.json.Decoder(WireRecord)
_untyped: Final = msgspec.json.Decoder()


def parse_typed(raw: bytes) -> Any:
    """Decode a well-typed record; None if it must be parsed field by field.

    Returns:
        A `WireRecord`.

    Raises:
        RecordRejectedError: The record is not JSON.
    """
    try:
        return _typed.decode(raw)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise RecordRejectedError(_malformed(raw, exc)) from exc


def parse_object(raw: bytes) -> dict[str, Any]:
    """Decode any JSON object, untyped.

    Raises:
        RecordRejectedError: The record is not JSON, or not an object.
    """
    try:
        decoded = _untyped.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise RecordRejectedError(_malformed(raw, exc)) from exc
    if not isinstance(decoded, dict):
        detail = f"a record must be a JSON object, not {type(decoded).__name__}"
        raise RecordRejectedError(FieldError(pointer="", code="not_an_object", detail=detail))
    return decoded


def _malformed(raw: bytes, exc: Exception) -> FieldError:
    if isinstance(exc, UnicodeDecodeError):
        return FieldError(pointer="", code="not_utf8", detail=f"byte {exc.start} is not UTF-8")
    if _NOT_A_NUMBER.search(raw):
        return FieldError(
            pointer="", code="not_a_number", detail="NaN and Infinity are not valid JSON; use a number or null"
        )
    if _SURROGATE.search(raw):
        return FieldError(pointer="", code="lone_surrogate", detail="one half of a \\u surrogate pair is missing")
    return FieldError(pointer="", code="json_malformed", detail=str(exc))
