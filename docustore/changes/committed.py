"""How far history is committed: readers of history go no further."""

from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.database import Database


async def committed_seq(database: Database) -> int:
    """Return the number of the last row that belongs to history; 0 before the first.

    A row beyond it was written by another client, or by an unfinished snapshot of an older release.
    """
    position = await database[POSITIONS].find_one({"_id": POSITION_ID}, {"seq": 1})
    return 0 if position is None else int(position["seq"])
