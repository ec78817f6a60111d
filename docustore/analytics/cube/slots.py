"""Slots: quarters of an hour in UTC, by number. Pure.

Every time zone of today is a multiple of 15 minutes from UTC. So the hours, days, weeks and months of any zone are
sums of slots. A slot has the number of its start: Unix seconds divided by 900.
"""

from calendar import monthrange
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, NamedTuple

SLOT_S: Final = 900
SLOT_MS: Final = SLOT_S * 1000
SLOTS_A_DAY: Final = 86_400 // SLOT_S
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


class Day(NamedTuple):
    """A UTC day as it is stored: `2024-05` and `07`."""

    month: str
    day: str


def slot_of(time: datetime) -> int:
    """Return the slot that an aware time is in."""
    return int(time.timestamp() // SLOT_S)


def slot_from(time: datetime) -> int:
    """Return the first slot that begins at an aware time or later."""
    return -int(-time.timestamp() // SLOT_S)


def start_of(slot: int) -> datetime:
    """Return the start of a slot, in UTC."""
    return datetime.fromtimestamp(slot * SLOT_S, UTC)


@lru_cache(maxsize=8192)
def day_of(day: int) -> Day:
    """Name a UTC day, given as days since 1970."""
    text = date.fromordinal(_EPOCH_ORDINAL + day).isoformat()
    return Day(text[:7], text[8:])


def key_of(slot: int) -> str:
    """Name a slot within its month: the day and the slot of the day, `0737`."""
    day, of_day = divmod(slot, SLOTS_A_DAY)
    return f"{day_of(day).day}{of_day:02}"


def month_of(slot: int) -> str:
    """Return the UTC month of a slot: `2024-05`."""
    return day_of(slot // SLOTS_A_DAY).month


@lru_cache(maxsize=4096)
def month_slots(month: str) -> tuple[int, int]:
    """Return the first slot of a UTC month, and the slot after it."""
    days = monthrange(int(month[:4]), int(month[5:]))[1]
    first = first_slot(month)
    return first, first + days * SLOTS_A_DAY


def first_slot(month: str, day: str = "01") -> int:
    """Return the first slot of a UTC day."""
    ordinal = date(int(month[:4]), int(month[5:]), int(day)).toordinal()
    return (ordinal - _EPOCH_ORDINAL) * SLOTS_A_DAY
