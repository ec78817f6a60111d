"""Times of upstream records. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

# Older dates are placeholders of the source (0001-01-01, 1601-01-01), not real times.
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)


def to_utc_ms(given: datetime) -> datetime | None:
    """Return a time in UTC, cut to milliseconds, the precision of BSON.

    A time without a zone is read as UTC. The result is None before the year 1900 and after the year 9999.
    """
    if given.tzinfo is not UTC:
        try:
            given = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
        except OverflowError:
            return None
    if given < EARLIEST:
        return None
    # BSON stores milliseconds. A more precise time would never equal its stored value.
    return given - timedelta(microseconds=given.microsecond % 1000) if given.microsecond else given
