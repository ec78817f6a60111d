"""How far history is complete.

The change listener knows it. Readers get it as a value.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

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
class Horizon:
    """The committed part of history.

    Rows beyond the number `seq` are none of the listener's. Every change before `complete_until` has its row; None
    while that is true of no time.
    """

    seq: int
    complete_until: datetime | None
    gaps: tuple[Gap, ...] = ()

    def is_complete_at(self, moment: datetime) -> bool:
        """Tell whether every change up to a moment has its row."""
        return self.complete_until is not None and moment < self.complete_until


ReadHorizon = Callable[[Database], Awaitable[Horizon]]
