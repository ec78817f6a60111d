"""The gaps on record.

One document of `change_gaps` stands for each lost or moved position. A gap is opened in the transaction that
leaves the old position, and closed in the one that reaches the new one.
"""

from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.position import Position
from docustore.database import Database
from docustore.users.stored import USERS

GAPS: Final = "change_gaps"


def gap_id_of(position: Position) -> str:
    """Name a gap after its position.

    So an interrupted and repeated recovery stays one gap.
    """
    if position.snapshot is not None and position.snapshot.gap_id is not None:
        return position.snapshot.gap_id
    token = (position.start.token or {}).get("_data")
    return f"{USERS}:{position.seq}:{token or position.start.start_at}"


async def open_gap(
    database: Database,
    position: Position,
    *,
    gap_id: str,
    reason: str,
    code: int | None,
    policy: str,
    session: AsyncClientSession,
) -> None:
    """Record a gap after a position; the first record of a gap stays."""
    opened: dict[str, Any] = {
        "stream": USERS,
        "reason": reason,
        "code": code,
        "policy": policy,
        "seq": position.seq,
        "lost_after": position.cluster_time,
        "detected_at": "$$NOW",
    }
    keep_first = {name: {"$ifNull": [f"${name}", value]} for name, value in opened.items()}
    await database[GAPS].update_one({"_id": gap_id}, [{"$set": keep_first}], upsert=True, session=session)


async def close_gap(database: Database, gap_id: str, position: Position, session: AsyncClientSession) -> None:
    """Record how a gap ended.

    That is the rows of the recovery, and the time from which the stream continues.
    """
    rows = 0 if position.snapshot is None else position.snapshot.rows
    closed = {"closed_at": "$$NOW", "rows": rows, "resumed_at": position.cluster_time}
    await database[GAPS].update_one({"_id": gap_id}, [{"$set": closed}], session=session)
