"""What the routes of users ask of history: users as they were.

History stands above users, so this module only declares what it offers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from docustore.users.listing import ListQuery
from docustore.users.stored import RawUser

PROVEN: Final = "proven"


class Doubt(StrEnum):
    """Why a past state is not proven.

    `approximate`: a state was read later than its change. `gap`: changes around that time may have been missed.
    `pending`: changes up to that time may not be recorded yet. `before_history`: users that existed already are
    not known as of that time.
    """

    APPROXIMATE = "approximate"
    GAP = "gap"
    PENDING = "pending"
    BEFORE_HISTORY = "before_history"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastUser:
    """A user as it was; proven if there is no doubt."""

    user: RawUser
    doubts: frozenset[Doubt]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPage:
    """One page of users as they were, in the order of their ids.

    A page may be shorter than its limit, even empty, before the last one.
    """

    users: list[RawUser]
    next_cursor: str | None
    doubts: frozenset[Doubt]


class PastUsers(Protocol):
    """Reads users as of a time."""

    async def find(self, user_id: str, *, as_of: datetime) -> PastUser:
        """Read one user.

        Raises:
            NotFoundError: The user did not exist yet, or history does not know it as of that time.
            UserGoneError: The user was deleted.
        """

    async def list(self, query: ListQuery, *, as_of: datetime) -> PastPage:
        """Read one page of the users that match the filter as they were.

        Raises:
            InvalidQueryError: The cursor belongs to another query.
        """


def as_of_state(doubts: Iterable[Doubt]) -> str:
    """Return the value of the header `As-Of-State`."""
    return ", ".join(sorted(doubt.value for doubt in doubts)) or PROVEN
