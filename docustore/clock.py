"""Times in the form that the store keeps."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

# One day inside the range of `datetime`, so that no conversion between zones overflows.
EARLIEST: Final = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
LATEST: Final = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)

# RFC 3339, section 5.6: the only form in which the API takes times.
_RFC_3339: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?P<zone>[Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)


def now_utc() -> datetime:
    """Return the current time in UTC, truncated to milliseconds.

    MongoDB stores milliseconds, so a stored time equals the time before it was stored.
    """
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def as_utc(time: datetime) -> datetime:
    """Convert a time to UTC; a time without zone is read as UTC.

    A time outside `EARLIEST` to `LATEST` becomes the nearest of the two.
    """
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return min(max(aware, EARLIEST), LATEST).astimezone(UTC)


def as_naive_utc(time: datetime) -> datetime:
    """Convert a time to UTC and drop the zone: the form of times in raw documents."""
    return time.astimezone(UTC).replace(tzinfo=None)


def time_form_error(text: str) -> str | None:
    """Tell what is wrong with the form of a time; None for RFC 3339.

    Returns:
        A kind of `docustore.api.field_errors`. A form with a date that does not exist is None too.
    """
    form = _RFC_3339.fullmatch(text)
    if form is None:
        return "time_malformed"
    return None if form["zone"] else "timezone_aware"
