"""How far history is committed: readers of history go no further."""

from collections.abc import Mapping
from typing import Any, Final

from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.database import Database

# Adds the number of `committed_seq` to an aggregation, as `{_id, seq}`; nothing before the first row.
COMMITTED_STAGE: Final[Mapping[str, Any]] = {
    "$unionWith": {
        "coll": POSITIONS,
        "pipeline": [{"$match": {"_id": POSITION_ID}}, {"$project": {"seq": 1}}],
    }
}


async def committed_seq(database: Database) -> int:
    """Return the number of the last row that belongs to history; 0 before the first.

    A row beyond it was written by another client, or by an unfinished snapshot of an older release.
    """
    position = await database[POSITIONS].find_one({"_id": POSITION_ID}, {"seq": 1})
    return 0 if position is None else int(position["seq"])
