"""Write a batch plan to the users: deletes, then updates, then inserts.

Safe beside other writers: updates and deletes carry the version they were computed from, and inserts meet the
unique indexes.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from pymongo import DeleteOne, UpdateOne
from pymongo.errors import BulkWriteError

from docustore.database import Database, Document
from docustore.etl.classify import BatchPlan, UserWrite
from docustore.users.stored import SCHEMA_VERSION

USERS: Final = "users"
# DuplicateKey (11000): another user has the identity or the e-mail. DocumentValidationFailure (121): the
# collection's validator refuses the user. Both concern one user only.
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
REFUSALS: Final = frozenset({11000, 121})


async def write_plan(database: Database, plan: BatchPlan, *, source: str, now: datetime) -> set[int]:
    """Write a plan and return the records to reclassify.

    Args:
        source: The writer is stored as `etl:<source>`.

    Returns:
        The indexes of the records whose writes lost a race against another writer, or were refused.

    Raises:
        BulkWriteError: The store failed for a reason other than single users. Part of the plan may be written.
    """
    stamp: Document = {"updated_at": now, "updated_by": f"etl:{source}"}
    deletes = [write for write in plan.writes if write.fields is None]
    updates = [write for write in plan.writes if write.before is not None and write.fields is not None]
    inserts = [write for write in plan.writes if write.before is None]
    # In this order: an identity or e-mail must leave one user before it can arrive at another.
    lost = await _delete(database, deletes)
    lost |= await _update(database, sorted(updates, key=_losses_first), stamp)
    lost |= await _insert(database, inserts, stamp)
    return lost


async def _insert(database: Database, writes: Sequence[UserWrite], stamp: Document) -> set[int]:
    if not writes:
        return set()
    try:
        # Unordered: one duplicate key must cost one record, not the rest of the batch.
        await database[USERS].insert_many([_new_document(write, stamp) for write in writes], ordered=False)
    except BulkWriteError as exc:
        return _records_of([writes[index] for index in _refused(exc)])
    return set()


async def _update(database: Database, writes: Sequence[UserWrite], stamp: Document) -> set[int]:
    if not writes:
        return set()
    operations = [
        UpdateOne(
            _guard(write),
            {"$set": {**(write.fields or {}), **stamp}, "$inc": {"version": 1}},
        )
        for write in writes
    ]
    failed: list[UserWrite] = []
    matched = 0
    try:
        matched = (await database[USERS].bulk_write(operations, ordered=False)).matched_count
    except BulkWriteError as exc:
        failed = [writes[index] for index in _refused(exc)]
        matched = exc.details["nMatched"]
    if matched + len(failed) < len(writes):
        # Another writer changed some of these users. The server does not say which, so all are reclassified.
        return _records_of(writes)
    return _records_of(failed)


async def _delete(database: Database, writes: Sequence[UserWrite]) -> set[int]:
    if not writes:
        return set()
    # A user with a password or a local role is an account in use. An upstream change must not delete it.
    unowned = {"password_hash": {"$exists": False}, "local_roles.0": {"$exists": False}}
    operations = [DeleteOne({**_guard(write), **unowned}) for write in writes]
    result = await database[USERS].bulk_write(operations, ordered=False)
    return _records_of(writes) if result.deleted_count < len(writes) else set()


def _new_document(write: UserWrite, stamp: Document) -> Document:
    return {
        "created_at": stamp["updated_at"],
        **(write.fields or {}),
        "local_roles": [],
        **stamp,
        "deleted_at": None,
        "version": 1,
        "schema_version": SCHEMA_VERSION,
    }


def _guard(write: UserWrite) -> Document:
    before = write.before or {}
    # A user written by another client may have no version; None matches a missing field.
    return {"_id": before["_id"], "version": before.get("version")}


def _losses_first(write: UserWrite) -> int:
    had = (write.before or {}).get("identities") or []
    return len((write.fields or {}).get("identities") or had) - len(had)


def _refused(error: BulkWriteError) -> list[int]:
    """List operations refused because of their own user; raise any other failure."""
    failures = error.details["writeErrors"]
    if any(failure["code"] not in REFUSALS for failure in failures) or error.details["writeConcernErrors"]:
        raise error
    return [failure["index"] for failure in failures]


def _records_of(writes: Iterable[UserWrite]) -> set[int]:
    return {index for write in writes for index in write.records}
