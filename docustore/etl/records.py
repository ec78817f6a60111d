"""Parse one record of an upstream system. Pure.

A record is a JSON object; both spellings of every field are taken (`firstName` and `first_name`). The common case
is decoded straight into a struct; a record whose types differ is parsed field by field (`coerce.py`), so that all
its errors are found and what can be understood is understood.
"""

import re
from datetime import datetime
from typing import Any, Final

import msgspec

from docustore.errors import FieldError

_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_NOT_A_NUMBER: Final = re.compile(rb"[:\[,]\s*-?(?:NaN|Infinity)\b")


class WirePreferences(msgspec.Struct):
    """`profile.preferences` as it comes."""

    notifications: bool | None = None
    theme: str | None = None
    language: str | None = None


class WireProfile(msgspec.Struct):
    """`profile` as it comes; preference keys may also stand flat in it."""

    avatar: str | None = None
    avatar_url: str | None = None
    bio: str | None = None
    location: str | None = None
    preferences: WirePreferences | None = None
    notifications: bool | None = None
    theme: str | None = None
    language: str | None = None


class WireRecord(msgspec.Struct):
    """A record as it comes: typed, nothing else checked. Unknown fields are ignored."""

    id: str | int | None = None
    external_id: str | int | None = None
    externalId: str | int | None = None  # noqa: N815  # the wire's own spelling, here and below
    email: str | None = None
    first_name: str | None = None
    firstName: str | None = None  # noqa: N815
    last_name: str | None = None
    lastName: str | None = None  # noqa: N815
    status: str | None = None
    profile: WireProfile | None = None
    roles: list[str] | None = None
    tags: list[str] | None = None
    modified_at: datetime | None = None
    modifiedAt: datetime | None = None  # noqa: N815
    updatedAt: datetime | None = None  # noqa: N815
    created_at: datetime | None = None
    createdAt: datetime | None = None  # noqa: N815
    deleted: bool | None = None


class RecordRejectedError(Exception):
    """A record that cannot be loaded, with every reason; never leaves the ETL."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{error.pointer}: {error.code}" for error in errors))
        self.errors = errors


_typed: Final = msgspec.json.Decoder(WireRecord)
_untyped: Final = msgspec.json.Decoder()


def parse_typed(raw: bytes) -> WireRecord | None:
    """Decode a well-typed record; None for one that has to be taken field by field.

    Raises:
        RecordRejectedError: It is no JSON at all.
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
        RecordRejectedError: It is no JSON, or no object.
    """
    try:
        decoded = _untyped.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise RecordRejectedError(_malformed(raw, exc)) from exc
    if not isinstance(decoded, dict):
        detail = f"a record is a JSON object, not {type(decoded).__name__}"
        raise RecordRejectedError(FieldError(pointer="", code="not_an_object", detail=detail))
    return decoded


def _malformed(raw: bytes, exc: Exception) -> FieldError:
    if isinstance(exc, UnicodeDecodeError):
        return FieldError(pointer="", code="not_utf8", detail=f"byte {exc.start} is not UTF-8")
    if _NOT_A_NUMBER.search(raw):
        return FieldError(pointer="", code="not_a_number", detail="NaN and Infinity are not JSON")
    if _SURROGATE.search(raw):
        return FieldError(pointer="", code="lone_surrogate", detail="half of a \\u pair is missing")
    return FieldError(pointer="", code="json_malformed", detail=str(exc))
