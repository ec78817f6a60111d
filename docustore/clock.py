"""The time as the store keeps it."""

from datetime import UTC, datetime, timedelta
from typing import Final

# A day inside what `datetime` can hold, so that no conversion between zones overflows.
EARLIEST: Final = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
LATEST: Final = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


def now_utc() -> datetime:
    """Return the time in UTC, cut to whole milliseconds: what MongoDB stores and an ETag's user compares."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def as_utc(time: datetime) -> datetime:
    """Read a time without zone as UTC, and move one out of reach to the nearest that can be compared."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return min(max(aware, EARLIEST), LATEST).astimezone(UTC)
