"""Values of SQL drivers: as JSON, and as marks of the last row. Pure."""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

from docustore.clock import as_utc

# In seconds, this is the year 5138. A greater number is in milliseconds.
MAX_EPOCH_S: Final = 1e11
_DATE_CHARS: Final = 10
_SECONDS_CHARS: Final = 19


def json_value(value: Any, zone: tzinfo) -> Any:  # noqa: PLR0911  # one per type
    """Return a value as the JSON encoder takes it.

    A time without a zone is in `zone`. Whole decimals become whole numbers, bytes that are no text base64.
    """
    match value:
        case datetime():
            return as_utc(value if value.tzinfo else value.replace(tzinfo=zone))
        case Decimal():
            if not value.is_finite():
                return None
            return int(value) if value == value.to_integral_value() else value
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case time() | timedelta():
            return str(value)
        case str() | bool() | int() | float() | None | date() | UUID():
            return value
        case Mapping():
            return {str(key): json_value(part, zone) for key, part in value.items()}
        case Sequence() | set() | frozenset():
            return [json_value(part, zone) for part in value]
        case _:
            return str(value)


def parsed_json(value: Any) -> Any:
    """Return the value of a JSON column; some drivers return its text."""
    if not isinstance(value, str | bytes):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return value


def bound_like(sample: Any, at: datetime, zone: tzinfo) -> Any:
    """Return a time in the form of a column, for comparisons.

    Args:
        sample: A value of the column: a time with or without zone, a date, a number since 1970 in seconds or
            milliseconds, or a text in ISO form.
    """
    match sample:
        case datetime():
            return at if sample.tzinfo else at.astimezone(zone).replace(tzinfo=None)
        case date():
            return at.astimezone(zone).date()
        case bool():
            return at
        case int() | float() | Decimal():
            seconds = at.timestamp()
            return int(seconds * 1000) if abs(float(sample)) > MAX_EPOCH_S else int(seconds)
        case str():
            return _text_like(sample, at, zone)
        case _:
            return at


def start_of_window(since: datetime, until: datetime | None, zone: tzinfo) -> datetime:
    """Return the start, earlier by what local clocks were set back within the window.

    Times without a zone repeat then: the first ones after the change would be before the start.
    """
    if until is None:
        return since
    back = (since.astimezone(zone).utcoffset() or timedelta()) - (
        until.astimezone(zone).utcoffset() or timedelta()
    )
    return since - max(back, timedelta())


def _text_like(sample: str, at: datetime, zone: tzinfo) -> str:
    """Write a time as its column does; texts of one form compare like times."""
    has_zone = sample.endswith(("Z", "z")) or "+" in sample[_DATE_CHARS:]
    local = at.astimezone(UTC if has_zone else zone)
    if len(sample) <= _DATE_CHARS:
        return local.date().isoformat()
    # Without the fraction, the text is not greater than any text of the same second.
    return local.isoformat(sep=sample[_DATE_CHARS], timespec="seconds")[:_SECONDS_CHARS]


def is_date_only(sample: Any) -> bool:
    """Tell whether a column holds days; the day of the start is then read again."""
    is_day = isinstance(sample, date) and not isinstance(sample, datetime)
    return is_day or (isinstance(sample, str) and len(sample) <= _DATE_CHARS)


def marked(value: Any) -> Any:  # noqa: PLR0911  # one per type
    """Write a value of a key into a mark, so that `unmarked` returns it."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case Decimal():
            return {"decimal": str(value)}
        case UUID():
            return {"uuid": str(value)}
        case bytes() | bytearray() | memoryview():
            return {"bytes": base64.b64encode(bytes(value)).decode()}
        case _:
            return str(value)


def unmarked(value: Any) -> Any:
    """Read a value that `marked` wrote."""
    if not isinstance(value, dict):
        return value
    [(kind, text)] = value.items()
    return _READERS[kind](text)


_READERS: Final[Mapping[str, Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "decimal": Decimal,
    "uuid": UUID,
    "bytes": base64.b64decode,
}
