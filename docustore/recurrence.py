"""When something recurs: an interval or a cron expression. Pure.

A slot is one moment of a recurrence, in UTC. The time is an argument everywhere, so a clock that stops or jumps
changes nothing but that argument.

Cron expressions have five fields and behave as Debian's cron does when clocks change: a fixed time inside the
missing hour is the first moment after it, a fixed time inside the repeated hour is one moment. Expressions with
`*` in minute or hour follow the real time. See https://github.com/cuu508/cronsim.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

OFF: Final = "off"
# Names for the usual recurrences. An hour is an interval, because its slots must not depend on a zone.
NAMED: Final = {"hourly": "every 1h", "daily": "0 0 * * *", "weekly": "0 0 * * 0", "monthly": "0 0 1 * *"}
CRON_FIELDS: Final = 5
# How far back the latest slot of a cron expression is looked for. 29 February may be eight years ago.
_LOOK_BACK: Final = tuple(timedelta(days=days) for days in (0.1, 2, 40, 400, 3300))
_INTERVAL: Final = re.compile(r"every ([1-9][0-9]{0,4})(m|h|d)")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_LONGEST: Final = timedelta(days=366)
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_ZONE: Final = re.compile(r"[A-Za-z0-9_+/-]+")


class Recurrence(Protocol):
    """A rule that gives moments without end.

    `is_interval` tells that the rule names a distance and no times of the day.
    """

    @property
    def is_interval(self) -> bool:
        """Tell whether the rule is an interval."""

    def latest(self, now: datetime) -> datetime | None:
        """Return the last slot that is not after `now`; None if there is none for years."""

    def next_after(self, time: datetime) -> datetime:
        """Return the first slot after a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Slots at a fixed distance, counted from 1970 in UTC.

    `every 6h` is 00:00, 06:00, 12:00 and 18:00.
    """

    length: timedelta
    is_interval: bool = True

    def latest(self, now: datetime) -> datetime | None:
        """Return the last slot that is not after `now`."""
        return _EPOCH + (now - _EPOCH) // self.length * self.length

    def next_after(self, time: datetime) -> datetime:
        """Return the first slot after a time."""
        return _EPOCH + ((time - _EPOCH) // self.length + 1) * self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """Slots by a cron expression, on the clocks of a zone."""

    expression: str
    zone: ZoneInfo
    is_interval: bool = False

    def latest(self, now: datetime) -> datetime | None:
        """Return the last slot that is not after `now`.

        None if there is none for nine years.
        """
        for back in _LOOK_BACK:
            found = None
            slot = self.next_after(now - back)
            while slot <= now:
                found, slot = slot, self.next_after(slot)
            if found is not None:
                return found
        return None

    def next_after(self, time: datetime) -> datetime:
        """Return the first slot after a time."""
        # In the repeated hour, the iterator also gives the moment of the first pass, which is over.
        slots = (slot.astimezone(UTC) for slot in CronSim(self.expression, time.astimezone(self.zone)))
        return next(slot for slot in slots if slot > time)


def parse_recurrence(text: str, *, timezone: str = "UTC") -> Recurrence | None:
    """Read a recurrence; None is `off`.

    Args:
        timezone: The zone of cron expressions, such as `Europe/Amsterdam`. Intervals do not use it.

    Raises:
        ValueError: The text or the zone is not known; the message names the forms.
    """
    if text == OFF:
        return None
    rule = NAMED.get(text, text)
    if (interval := _INTERVAL.fullmatch(rule)) is not None:
        length = int(interval[1]) * _UNITS[interval[2]]
        if length > _LONGEST:
            msg = f"the interval {text!r} is longer than a year"
            raise ValueError(msg)
        return Interval(length=length)
    if len(rule.split()) != CRON_FIELDS:
        names = ", ".join(f"`{name}`" for name in (*NAMED, OFF))
        msg = f"{text!r} is no schedule; use {names}, an interval such as `every 15m`, or a cron expression"
        raise ValueError(msg)
    zone = parse_zone(timezone)
    try:
        # Expressions that never occur, such as 30 February, end the iteration.
        next(CronSim(rule, _EPOCH.astimezone(zone)))
    except (CronSimError, StopIteration) as exc:
        reason = str(exc) or "it never occurs"
        msg = f"{text!r} is no cron expression ({reason}); an example is `30 2 * * 1-5`"
        raise ValueError(msg) from exc
    return Cron(expression=rule, zone=zone)


def parse_zone(name: str) -> ZoneInfo:
    """Read the name of a zone.

    Raises:
        ValueError: There is no such zone.
    """
    try:
        if _ZONE.fullmatch(name):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        msg = f"there is no time zone {name!r}; use a name such as Europe/Amsterdam"
        raise ValueError(msg) from exc
    msg = f"there is no time zone {name!r}; use a name such as Europe/Amsterdam"
    raise ValueError(msg)
