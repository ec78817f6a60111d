"""Find rows by time without an index of times.

Numbers are dense and almost in the order of time. So the number of a time is found by halving, with a few reads by
`_id`. An index of times would make every change slower. Rows of different users may be out of order: the clock of
a server may step back, and partitions of the listener may be at different times. So the number is a hint. From
there, the rows of each user are followed until the next one is later.
"""

from datetime import datetime
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from docustore.database import Document
from docustore.history.stored_rows import NEWEST_FIRST, OLDEST_FIRST

Rows = AsyncCollection[Document]


async def number_at(rows: Rows, moment: datetime, *, seq: int) -> int:
    """Return about the last number up to a time; 0 if every row is later."""
    low, high = 0, seq
    middle = seq  # most questions are about a recent time
    while low < high:
        row = await rows.find_one({"_id": {"$gte": 1, "$lte": middle}}, {"valid_from": 1}, sort=NEWEST_FIRST)
        if row is None:
            return low
        if row["valid_from"] <= moment:
            low = middle
        else:
            high = int(row["_id"]) - 1
        middle = (low + high + 1) // 2
    return low


async def rows_around(
    rows: Rows, user_id: Any, moment: datetime, *, hint: int, seq: int
) -> tuple[Document | None, Document | None]:
    """Read the last row of a user up to a time, and the first one after it.

    Args:
        hint: The number of the time, see `number_at`.
    """
    row = await _last(rows, user_id, {"$gte": 1, "$lte": hint})
    while row is not None and row["valid_from"] > moment:
        row = await _last(rows, user_id, {"$gte": 1, "$lt": row["_id"]})
    following = await _first(rows, user_id, {"$gt": 0 if row is None else row["_id"], "$lte": seq})
    while following is not None and following["valid_from"] <= moment:
        row = following
        following = await _first(rows, user_id, {"$gt": row["_id"], "$lte": seq})
    return row, following


async def _last(rows: Rows, user_id: Any, numbers: dict[str, int]) -> Document | None:
    return await rows.find_one({"user_id": user_id, "_id": numbers}, sort=NEWEST_FIRST)


async def _first(rows: Rows, user_id: Any, numbers: dict[str, int]) -> Document | None:
    return await rows.find_one({"user_id": user_id, "_id": numbers}, sort=OLDEST_FIRST)
