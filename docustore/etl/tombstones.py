"""The tombstones that came before their records.

They end identities that no user has yet.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pymongo import UpdateOne

from docustore.database import Database
from docustore.etl.models import TOMBSTONES
from docustore.etl.remapped import counting_ends
from docustore.etl.transform import UserRecord


async def find_tombstones(
    database: Database, records: Sequence[UserRecord]
) -> dict[str, tuple[list[datetime], str]]:
    """Read when identities ended, by key; other identities are absent.

    Returns:
        The ends, and the mapping of the last one.
    """
    # Most stores have no tombstone. Asking for a thousand keys costs several times this question.
    if not records or await database[TOMBSTONES].find_one({}, {"_id": 1}) is None:
        return {}
    which = {"_id": {"$in": [record.key for record in records]}}
    return counting_ends(records, [row async for row in database[TOMBSTONES].find(which)])


async def save_tombstones(
    database: Database, tombstones: Mapping[str, Sequence[datetime]], *, mapping: str
) -> None:
    """Save when identities ended, by key; of several ends the last counts.

    The earlier ones are kept: a version between two of them may still arrive.
    """
    if not tombstones:
        return
    stamp = {"$set": {"mapping": mapping}} if mapping else {"$unset": {"mapping": 1}}
    operations = [
        UpdateOne(
            {"_id": key},
            {"$max": {"ended_at": max(ends)}, "$addToSet": {"ends": {"$each": list(ends)}}, **stamp},
            upsert=True,
        )
        for key, ends in tombstones.items()
    ]
    await database[TOMBSTONES].bulk_write(operations, ordered=False)


def ending(key: str, ended_at: datetime, mapping: str) -> UserRecord:
    """Make the tombstone of an identity."""
    return UserRecord(key=key, modified_at=ended_at, hash="", values=None, is_time_observed=False, mapping=mapping)
