"""Read dates and times as people write them, in the zone where they live. Pure.

A local time that a clock change skips is moved forward by the skipped time. Of a local time that exists twice, the
first one counts. These are the rules of RFC 5545, 3.3.5, and of most calendars. Both are reported.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

# Dates of one export repeat. One parsing costs ten times as much as one lookup.
CACHED_TEXTS: Final = 4096

# Returns the time, and whether the zone left a choice.
ReadTime = Callable[[str], tuple[datetime, bool]]


def check_format(pattern: str) -> None:
    """Refuse a format that cannot give a date.

    Raises:
        ValueError: It names no year, month and day, or is malformed.
    """
    sample = datetime(2026, 11, 23, 21, 45, 56, tzinfo=UTC)
    try:
        again = datetime.strptime(sample.strftime(pattern), pattern)  # noqa: DTZ007  # only the date is compared
    except ValueError as exc:
        msg = f"the format {pattern} is malformed; use a form such as %d.%m.%Y %H:%M"
        raise ValueError(msg) from exc
    if again.date() != sample.date():
        msg = f"the format {pattern} has no full date; use a form such as %d.%m.%Y"
        raise ValueError(msg)


def time_reader(formats: Sequence[str], zone: ZoneInfo | None) -> ReadTime:
    """Return a function that reads a text in one of the formats; none means ISO 8601.

    The function raises a ValueError for another text. Without a zone, the result may have none.
    """

    @lru_cache(maxsize=CACHED_TEXTS)
    def read(text: str) -> tuple[datetime, bool]:
        given = _parsed(text, formats) if formats else datetime.fromisoformat(text)
        if zone is None or given.tzinfo is not None:
            return given, False
        return in_zone(given, zone)

    return read


def in_zone(local: datetime, zone: ZoneInfo) -> tuple[datetime, bool]:
    """Return a local time in UTC, and whether it was skipped or exists twice."""
    first, second = local.replace(tzinfo=zone, fold=0), local.replace(tzinfo=zone, fold=1)
    # fold=0 takes the offset before a change, which gives both rules.
    return first.astimezone(UTC), first.utcoffset() != second.utcoffset()


def _parsed(text: str, formats: Sequence[str]) -> datetime:
    for pattern in formats:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007  # the caller knows the zone
        except ValueError:
            continue
    msg = f"not in the form {' or '.join(formats)}"
    raise ValueError(msg)
