"""What a run of faults has left, read once for all checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bson import ObjectId
from bson.timestamp import Timestamp

from docustore.changes.gaps import GAPS
from docustore.config import Settings
from docustore.database import Database
from docustore.history.models import HISTORY
from tests.chaos.listener.journal import Write

READ = {"event_id": 1, "operation": 1, "user_id": 1, "cluster_time": 1, "after.version": 1, "after.last_name": 1}


class Row(NamedTuple):
    """A row of history without images.

    `version` and `mark` are None where the user is deleted.
    """

    number: int
    event_id: str
    operation: str
    user_id: ObjectId
    cluster_time: Timestamp
    version: int | None
    mark: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The writes of the test, the rows of history in their order, and the gaps.

    `lost_positions` counts the faults that made the position useless. `told` are the numbers of the changes that a
    webhook for deletions was told, with repetitions.
    """

    database: Database
    settings: Settings
    writes: Sequence[Write]
    rows: Sequence[Row]
    gaps: Sequence[dict[str, Any]]
    lost_positions: int
    told: Sequence[int]

    def may_be_missing(self, write: Write) -> bool:
        """Tell whether a write may have been made in a gap."""
        until = write.until or write.since
        return any(write.since < gap["resumed_at"] and until > gap["lost_after"] for gap in self.gaps)

    def was_recovered(self, row: Row) -> bool:
        """Tell whether a row was made at the end of a gap."""
        return any(gap["lost_after"] < row.cluster_time <= gap["resumed_at"] for gap in self.gaps)


async def read_outcome(
    database: Database, settings: Settings, writes: Sequence[Write], *, lost_positions: int, told: Sequence[int]
) -> Outcome:
    rows = database[HISTORY].find({}, READ).sort("_id", 1)
    return Outcome(
        database=database,
        settings=settings,
        writes=writes,
        rows=[_row(row) async for row in rows],
        gaps=await database[GAPS].find().sort("_id", 1).to_list(),
        lost_positions=lost_positions,
        told=told,
    )


def _row(stored: dict[str, Any]) -> Row:
    after = stored.get("after") or {}
    return Row(
        number=stored["_id"],
        event_id=stored["event_id"],
        operation=stored["operation"],
        user_id=stored["user_id"],
        cluster_time=stored["cluster_time"],
        version=after.get("version"),
        mark=after.get("last_name"),
    )
