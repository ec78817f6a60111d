"""Times in the form that the store keeps."""

from datetime import UTC, datetime, timedelta
from typing import Final

# One day inside the range of `datetime`, so that no conversion between zones overflows.
EARLIEST: Final = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
LATEST: Final = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


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
