"""How large history is, and how far it is compacted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from docustore.database import Database
from docustore.history.compaction import COMPACTION_ID, COMPACTIONS
from docustore.history.horizon import Horizon
from docustore.history.models import HISTORY
from docustore.history.moments import number_at
from docustore.history.stored_rows import NEWEST_FIRST, OLDEST_FIRST, history_rows

_NO_PROGRESS: Final[dict[str, Any]] = {"through": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStatus:
    """The size of history.

    `bytes_per_row` is the mean size of a row before the server compresses it, `disk_bytes` what all rows take on
    disk, `index_bytes` what their indexes take. `compacted` counts compacted rows, `saved_bytes` what that saved
    before compression. `waiting` is the number of changes that a compaction would look at; None without a limit.
    """

    rows: int
    oldest_at: datetime | None
    newest_at: datetime | None
    bytes_per_row: int
    disk_bytes: int
    index_bytes: int
    compacted: int
    saved_bytes: int
    compacted_at: datetime | None
    waiting: int | None


async def history_status(database: Database, horizon: Horizon, *, older_than: datetime | None) -> HistoryStatus:
    """Read the size of history.

    Args:
        older_than: The limit of a compaction; None if there is none.
    """
    rows = history_rows(database)
    known = {"_id": {"$gte": 1, "$lte": horizon.seq}}
    oldest = await rows.find_one(known, {"valid_from": 1}, sort=OLDEST_FIRST)
    newest = await rows.find_one(known, {"valid_from": 1}, sort=NEWEST_FIRST)
    progress = await database[COMPACTIONS].find_one({"_id": COMPACTION_ID}) or _NO_PROGRESS
    sizes = await _sizes(database)
    waiting = None
    if older_than is not None:
        waiting = max(await number_at(rows, older_than, seq=horizon.seq) - int(progress["through"]), 0)
    return HistoryStatus(
        rows=horizon.seq,
        oldest_at=None if oldest is None else oldest["valid_from"],
        newest_at=None if newest is None else newest["valid_from"],
        bytes_per_row=int(sizes.get("avgObjSize", 0)),
        disk_bytes=int(sizes.get("storageSize", 0)),
        index_bytes=int(sizes.get("totalIndexSize", 0)),
        compacted=int(progress.get("compacted", 0)),
        saved_bytes=int(progress.get("bytes_before", 0)) - int(progress.get("bytes_after", 0)),
        compacted_at=progress.get("at"),
        waiting=waiting,
    )


async def _sizes(database: Database) -> dict[str, Any]:
    fields = dict.fromkeys(("avgObjSize", "storageSize", "totalIndexSize"), 1)
    pipeline: list[dict[str, Any]] = [
        {"$collStats": {"storageStats": {}}},
        {"$replaceWith": "$storageStats"},
        {"$project": fields},
    ]
    found = await (await database[HISTORY].aggregate(pipeline)).to_list()
    return found[0] if found else {}
