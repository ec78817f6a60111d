"""A stored user with everything that a restore needs, as one line of JSON.

The line is canonical Extended JSON, which keeps the type of every value:
https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/
"""

from typing import Any, Final

from bson import json_util
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError

from docustore.users.stored import RawUser

_OPTIONS: Final = json_util.CANONICAL_JSON_OPTIONS.with_options(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
# Why and by which request a user was changed last belongs to the store that it was changed in.
NOT_RESTORED: Final = frozenset({"cause"})


class NotExtendedJsonError(ValueError):
    """A record that names a type and does not hold a value of it."""


def line_of(user: RawUser) -> bytes:
    """Return the line of a stored user."""
    document = {name: value for name, value in user.items() if name not in NOT_RESTORED}
    text = json_util.dumps(document, json_options=_OPTIONS, ensure_ascii=False, separators=(",", ":"))
    return text.encode() + b"\n"


def document_of(line: bytes) -> dict[str, Any]:
    """Return the stored user of a line.

    Raises:
        NotExtendedJsonError: A value is not of the type that it names.
    """
    try:
        document = json_util.loads(line.decode(), json_options=_OPTIONS)
    except (ValueError, TypeError, KeyError, ArithmeticError, BSONError) as exc:
        raise NotExtendedJsonError from exc
    if not isinstance(document, dict):
        raise NotExtendedJsonError
    return document
