"""Ends of identities that the store has not seen yet: a tombstone may come before its record.

A page with a tombstone and one with its record may be loaded side by side, so that neither finds what the other
has not written yet. Hence both look again after their write: whichever is second sees the first.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pymongo import UpdateOne

from docustore.database import Database
from docustore.etl.models import TOMBSTONES
from docustore.etl.transform import UserRecord


async def find_tombstones(database: Database, keys: Iterable[str]) -> dict[str, datetime]:
    """Read when identities ended, by key; those without a tombstone are absent."""
    wanted = list(keys)
    # Most stores have none; to ask for a thousand keys costs several times this question.
    if not wanted or await database[TOMBSTONES].find_one({}, {"_id": 1}) is None:
        return {}
    return {row["_id"]: row["ended_at"] async for row in database[TOMBSTONES].find({"_id": {"$in": wanted}})}


async def save_tombstones(database: Database, tombstones: Mapping[str, datetime]) -> None:
    """Keep when identities ended, by key; of several ends the last counts."""
    if not tombstones:
        return
    operations = [
        UpdateOne({"_id": key}, {"$max": {"ended_at": ended_at}}, upsert=True)
        for key, ended_at in tombstones.items()
    ]
    await database[TOMBSTONES].bulk_write(operations, ordered=False)


def ending(key: str, ended_at: datetime) -> UserRecord:
    """Make the record that ends an identity, from its tombstone."""
    return UserRecord(key=key, modified_at=ended_at, hash="", values=None, is_time_observed=False)
