"""Times of upstream records. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

# Older dates are placeholders of the source (0001-01-01, 1601-01-01), not facts.
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)


def to_utc_ms(given: datetime) -> datetime | None:
    """Return a time in UTC, cut to the milliseconds that BSON keeps; None before 1900 or beyond year 9999.

    A time without a zone is taken as UTC.
    """
    if given.tzinfo is not UTC:
        try:
            given = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
        except OverflowError:
            return None
    if given < EARLIEST:
        return None
    # A finer time would never equal its stored self.
    return given - timedelta(microseconds=given.microsecond % 1000) if given.microsecond else given
