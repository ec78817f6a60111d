"""Keep late versions, each once.

A late version changes no user: it is a document of `late_versions`, and `dim_user` reads it beside history. Its id
is a digest of the record, its time and its values. So reading the same input again writes nothing.
"""

from collections.abc import Sequence
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
    database: Database, late: Sequence[LateVersion], *, cause: Cause, now: datetime
) -> None:
    """Store the late versions that are not stored yet.

    Idempotent. Called before the users of the batch are written: a process that is killed in between stores them
    again. A version whose identity has another user now follows it, and is numbered anew.
    """
    if not late:
        return
    by_id = {_id_of(version): version for version in late}
    known = database[LATE_VERSIONS].find({"_id": {"$in": list(by_id)}}, {"user_id": 1})
    owners = {row["_id"]: row["user_id"] async for row in known}
    operations = [
        UpdateOne({"_id": row_id}, _moved(version) if row_id in owners else _new(version, cause, now), upsert=True)
        for row_id, version in by_id.items()
        if row_id not in owners or owners[row_id] != version.user_id
    ]
    if operations:
        await database[LATE_VERSIONS].bulk_write(operations, ordered=False)


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
