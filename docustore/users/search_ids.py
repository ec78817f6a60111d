"""The ids of the matches in one collection of a search, newest first."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from docustore.database import Database
from docustore.users.keyset import Filter

# The server merges so many sorted ranges of an index. It reads more of them unsorted, or all users by time.
# https://www.mongodb.com/docs/manual/tutorial/sort-results-with-indexes/
MERGED_RANGES: Final = 200
NEWEST: Final = {"created_at": -1, "_id": -1}


@dataclass(slots=True, kw_only=True)
class MatchingIds:
    """The matches in one collection, read once and as far as asked for.

    Without a filter nothing matches.
    """

    database: Database
    collection: str
    matching: Filter | None
    # Whether all of them are read as fast as a page.
    is_small: ClassVar[bool] = False
    _ids: list[Any] = field(init=False, default_factory=list)
    _is_complete: bool = field(init=False, default=False)

    async def first(self, count: int) -> list[Any]:
        """Return the first ids; fewer than `count` are all of them."""
        if self.matching is not None and not self._is_complete and len(self._ids) < count:
            self._ids = await self._read(self.matching, count)
            self._is_complete = len(self._ids) < count
        return self._ids[:count]

    async def count(self, limit: int) -> int:
        """Count the matches up to a limit."""
        if self.matching is None or self._is_complete:
            return min(len(self._ids), limit)
        return await self.database[self.collection].count_documents(self.matching, limit=limit)

    async def _read(self, matching: Filter, count: int) -> list[Any]:
        # One list costs the driver a fraction of as many documents, and needs no second batch.
        pipeline: list[dict[str, Any]] = [
            {"$match": matching},
            {"$sort": NEWEST},
            {"$limit": count},
            {"$group": {"_id": None, "ids": {"$push": "$_id"}}},
        ]
        found = await (await self.database[self.collection].aggregate(pipeline)).to_list()
        return list(found[0]["ids"]) if found else []


def is_merged(matching: Filter | None) -> bool:
    """Tell whether `user_search` is read in its order from few ranges. Pure."""
    conditions = [] if matching is None else matching.get("$and", ())
    return any(_ranges(condition.get("words")) <= MERGED_RANGES for condition in conditions)


def _ranges(words: Any) -> int:
    if isinstance(words, dict):
        return len(words["$in"]) if "$in" in words else MERGED_RANGES + 1
    return 1 if isinstance(words, str) else MERGED_RANGES + 1
