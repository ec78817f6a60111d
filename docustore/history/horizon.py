"""How far history is complete.

The change listener knows it. Readers get it as a value.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from docustore.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time in which changes may have been missed; `until` is None while it is open."""

    after: datetime | None
    until: datetime | None

    def holds(self, moment: datetime) -> bool:
        """Tell whether a moment lies within the gap."""
        return (self.after is None or moment > self.after) and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrecorded:
    """A change of a user that has no row; it may get one while it `is_open`."""

    user_id: Any
    at: datetime
    is_open: bool


# Reads the changes without a row of some users, and the open ones of all users, up to a time.
ReadUnrecorded = Callable[[Sequence[Any], datetime], Awaitable[list[Unrecorded]]]


async def nothing_unrecorded(_user_ids: Sequence[Any], _until: datetime) -> list[Unrecorded]:
    """Return nothing: every change has its row."""
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """The committed part of history.

    Rows beyond the number `seq` are none of the listener's. Every change before `complete_until` has its row; None
    while that is true of no time. Changes that could not be applied have none: `read_unrecorded` finds them.
    """

    seq: int
    complete_until: datetime | None
    gaps: tuple[Gap, ...] = ()
    read_unrecorded: ReadUnrecorded = nothing_unrecorded

    def is_complete_at(self, moment: datetime) -> bool:
        """Tell whether every change up to a moment has its row."""
        return self.complete_until is not None and moment < self.complete_until


ReadHorizon = Callable[[Database], Awaitable[Horizon]]
