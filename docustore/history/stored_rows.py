"""Read rows of history, and the states of users from them.

Times are aware. Values that only other clients write, such as a date of year 20000, are read as the nearest value
that Python has: a reader of one user must not fail at another client's value.
"""

from collections.abc import Sequence
from typing import Final

from pymongo.asynchronous.collection import AsyncCollection

from docustore.database import AWARE, Database, Document
from docustore.history.models import HISTORY
from docustore.history.rows import Image
from docustore.history.undo import MAX_CHAIN, has_state, states_of

OLDEST_FIRST: Final = [("_id", 1)]
NEWEST_FIRST: Final = [("_id", -1)]


def history_rows(database: Database) -> AsyncCollection[Document]:
    """Return the collection for readers."""
    return database[HISTORY].with_options(codec_options=AWARE)


async def following_rows(database: Database, row: Document, *, seq: int) -> list[Document]:
    """Read the rows after a compacted row, up to the first one that has its state."""
    if has_state(row):
        return []
    which = {"user_id": row["user_id"], "_id": {"$gt": row["_id"], "$lte": seq}}
    found = await history_rows(database).find(which, sort=OLDEST_FIRST, limit=MAX_CHAIN + 1).to_list()
    end = next((index for index, each in enumerate(found) if has_state(each)), len(found))
    return found[: end + 1]


async def states_of_rows(database: Database, rows: Sequence[Document], *, seq: int) -> list[Image | None]:
    """Return the state after each row.

    Args:
        rows: Consecutive rows of one user, oldest first.
        seq: The number of the last committed row.
    """
    if not rows:
        return []
    more = await following_rows(database, rows[-1], seq=seq)
    return states_of([*rows, *more])[: len(rows)]
