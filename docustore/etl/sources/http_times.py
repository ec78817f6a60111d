"""Read the times of HTTP headers. Pure but for the clock."""

import time
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from docustore.clock import as_utc

# No run is put off for longer: a misconfigured proxy must not end the schedule of a source.
MAX_RETRY_AFTER: Final = timedelta(days=1)


def retry_after(value: str | None) -> timedelta | None:
    """Read `Retry-After`, limited to one day; None if it is missing or malformed.

    The header is a number of seconds or an HTTP date (RFC 9110, 10.2.3).
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        wait_s = float(text)
    elif (until := http_date(text)) is not None:
        wait_s = until.timestamp() - time.time()
    else:
        return None
    return timedelta(seconds=min(max(0.0, wait_s), MAX_RETRY_AFTER.total_seconds()))


def http_date(value: str) -> datetime | None:
    """Read an HTTP date as UTC; None if it is missing or malformed."""
    try:
        return as_utc(parsedate_to_datetime(value))
    except ValueError:
        return None
