"""Keep late versions, each once.

A late version changes no user: it is a document of `late_versions`, and `dim_user` reads it beside history. Its id
is a digest of the record, its time and its values. So reading the same input again writes nothing.
"""

from collections.abc import Container, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, TypedDict

from pymongo import UpdateOne

from docustore.database import Database, Document
from docustore.etl.plan import LateVersion
from docustore.users.cause import Cause
from docustore.users.fields import Values

LATE_VERSIONS: Final = "late_versions"
_ID_BYTES: Final = 16


class LateRow(TypedDict):
    """One document of `late_versions`.

    `user_id` is the user that has the identity `key`. `at` is the time of the version, at most `recorded_at`;
    `mark` orders versions of one time. `values` are all mapped fields, null for an end. `number` is null until an
    export of the warehouse numbers it. `source` is the writer, `etl:<source>`.
    """

    _id: str
    number: int | None
    user_id: Any
    key: str
    at: datetime
    mark: str
    values: Values | None
    recorded_at: datetime
    source: str
    run_id: str | None


async def keep_late_versions(
    database: Database,
    late: Sequence[LateVersion],
    *,
    not_stored: Container[Any] = (),
    cause: Cause,
    now: datetime,
) -> list[LateVersion]:
    """Store the late versions that are not stored yet.

    Idempotent. Called before the users of the batch are written: a process that is killed in between stores them
    again. A version whose identity has another user now follows it, and is numbered anew.

    Args:
        not_stored: The ids of users that the batch is about to insert. Another process may be faster. So a version
            that another user has does not follow to them yet.

    Returns:
        The versions that did not follow.
    """
    pending = {_id_of(version): version for version in late}
    waiting: list[LateVersion] = []
    while pending:
        known = database[LATE_VERSIONS].find({"_id": {"$in": list(pending)}}, {"user_id": 1})
        owners = {row["_id"]: row["user_id"] async for row in known}
        others = {row_id: pending[row_id] for row_id, owner in owners.items() if owner != pending[row_id].user_id}
        waiting += [version for version in others.values() if version.user_id in not_stored]
        moving = {row_id: version for row_id, version in others.items() if version.user_id not in not_stored}
        if moving:
            operations = [UpdateOne({"_id": row_id}, _moved(version)) for row_id, version in moving.items()]
            await database[LATE_VERSIONS].bulk_write(operations, ordered=False)
        # Another process may insert one of them at the same time, for another user. So those are looked at again.
        pending = await _insert(database, {i: v for i, v in pending.items() if i not in owners}, cause, now)
    return waiting


async def _insert(
    database: Database, new: dict[str, LateVersion], cause: Cause, now: datetime
) -> dict[str, LateVersion]:
    """Insert late versions; return those that another process has inserted."""
    if not new:
        return {}
    operations = [UpdateOne({"_id": i}, _new(version, cause, now), upsert=True) for i, version in new.items()]
    done = await database[LATE_VERSIONS].bulk_write(operations, ordered=False)
    inserted = set((done.upserted_ids or {}).values())
    return {row_id: version for row_id, version in new.items() if row_id not in inserted}


def _id_of(version: LateVersion) -> str:
    text = f"{version.at.timestamp()}\t{version.mark}"
    return blake2b(text.encode(), digest_size=_ID_BYTES).hexdigest()


def _moved(version: LateVersion) -> Document:
    return {"$set": {"user_id": version.user_id, "number": None}}


def _new(version: LateVersion, cause: Cause, now: datetime) -> Document:
    row: Document = {
        "number": None,
        "user_id": version.user_id,
        "key": version.key,
        "at": min(version.at, now),
        "mark": version.mark,
        "values": version.values,
        "recorded_at": now,
        "source": cause.actor,
        "run_id": cause.run_id,
    }
    return {"$setOnInsert": row}
