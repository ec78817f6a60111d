"""The matches of a search among the users that were written lately.

The search index holds the others. So the terms in `users` serve only until the index has a write.
"""

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from pymongo.errors import OperationFailure

from docustore.database import Database
from docustore.users.keyset import Filter
from docustore.users.search_ids import NEWEST, MatchingIds
from docustore.users.search_words import Part, user_matches

# The clocks of API and database may differ, and a write may have been repeated for seconds.
CLOCKS_DIFFER_BY: Final = timedelta(seconds=5)
ASKED_EVERY_S: Final = 1.0
# Of more users, the index of the terms finds the matches faster.
MAX_RECENT: Final = 2_000
# Of `indexes.users`.
_INDEX: Final = "updated_at"
_NO_SUCH_INDEX: Final = 2
_SEARCHED: Final = {"email": 1, "first_name": 1, "last_name": 1}


class RecentUsers:
    """The users that `user_search` may not hold yet, as a filter.

    Args:
        complete_until: Reads the time before which every write is in the index; None while that is true of no
            time. It is asked at most once in `ASKED_EVERY_S`.
    """

    def __init__(self, complete_until: Callable[[Database], Awaitable[datetime | None]]) -> None:
        self._complete_until = complete_until
        self._filter: Filter | None = None
        self._asked_at = -math.inf

    async def filter(self, database: Database) -> Filter | None:
        """Return the filter; None if these may be any user, or more than `MAX_RECENT`.

        An earlier answer finds more users, none less.
        """
        if time.monotonic() - self._asked_at > ASKED_EVERY_S:
            asked_at = time.monotonic()
            self._filter = await self._ask(database)
            self._asked_at = asked_at
        return self._filter

    async def _ask(self, database: Database) -> Filter | None:
        until = await self._complete_until(database)
        if until is None:
            return None
        recent = {"updated_at": {"$gte": until - CLOCKS_DIFFER_BY}}
        try:
            count = await database["users"].count_documents(recent, limit=MAX_RECENT + 1, hint=_INDEX)
        except OperationFailure as exc:
            # The deploy step of this release has not run yet; `docustore doctor` names the index.
            if exc.code != _NO_SUCH_INDEX:
                raise
            return None
        return None if count > MAX_RECENT else recent


@dataclass(slots=True, kw_only=True)
class RecentIds(MatchingIds):
    """The matches among recent users, by the rule of the search index.

    `matching` includes the filter of `RecentUsers`, and finds more: terms also begin with the parts of a domain.
    """

    is_small: ClassVar[bool] = True
    parts: list[Part]

    async def count(self, limit: int) -> int:
        """Count the matches up to a limit."""
        return len(await self.first(limit))

    async def _read(self, matching: Filter, count: int) -> list[Any]:
        found = self.database[self.collection].find(matching, _SEARCHED, sort=NEWEST, hint=_INDEX)
        return [user["_id"] async for user in found if user_matches(user, self.parts)][:count]
