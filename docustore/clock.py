"""The time as the store keeps it."""

from datetime import UTC, datetime


def now_utc() -> datetime:
    """Return the time in UTC, cut to whole milliseconds: what MongoDB stores and an ETag's user compares."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
