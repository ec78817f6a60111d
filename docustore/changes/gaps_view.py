"""The gaps on record as people and programs see them."""

from datetime import datetime
from typing import Any, Final

import msgspec

from docustore.changes.gaps import GAPS
from docustore.database import Database
from docustore.errors import NotFoundError

MAX_SHOWN: Final = 100


class GapView(msgspec.Struct, frozen=True):
    """One lost or moved position.

    `lost_after` is the time of the last change before the gap. `rows` counts the rows of history that a comparison
    has added. `closed_at` is null while the gap is open. `accepted_at` and `accepted_by` say who knows what may be
    missing; null until then.
    """

    id: str
    reason: str
    policy: str
    code: int | None
    detected_at: datetime | None
    lost_after: datetime | None
    closed_at: datetime | None
    rows: int | None
    accepted_at: datetime | None
    accepted_by: str | None


async def list_gaps(database: Database) -> list[GapView]:
    """List the gaps on record, at most 100, latest first."""
    found = database[GAPS].find({}, sort=[("detected_at", -1), ("_id", -1)], limit=MAX_SHOWN)
    return [_shown(gap) async for gap in found]


async def find_gap(database: Database, gap_id: str) -> GapView:
    """Read one gap.

    Raises:
        NotFoundError: There is no such gap.
    """
    found = await database[GAPS].find_one({"_id": gap_id})
    if found is None:
        raise NotFoundError(kind="gap", id=gap_id)
    return _shown(found)


def _shown(gap: dict[str, Any]) -> GapView:
    lost_after = gap.get("lost_after")
    return GapView(
        id=str(gap["_id"]),
        reason=gap["reason"],
        policy=gap["policy"],
        code=gap.get("code"),
        detected_at=gap.get("detected_at"),
        # A time of the cluster, or none before the first change.
        lost_after=None if lost_after is None else lost_after.as_datetime(),
        closed_at=gap.get("closed_at"),
        rows=gap.get("rows"),
        accepted_at=gap.get("accepted_at"),
        accepted_by=gap.get("accepted_by"),
    )
