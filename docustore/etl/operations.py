"""Turn planned writes into operations of the driver."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from pymongo import DeleteOne, InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from docustore.database import Document
from docustore.etl.plan import UserWrite
from docustore.transient import DOCUMENT_VALIDATION_FAILURE, DUPLICATE_KEY
from docustore.users.cause import Cause
from docustore.users.sound import exactly, version_of
from docustore.users.stored import SCHEMA_VERSION

# Another user has the identity or the e-mail, or the validator refuses the user. Both concern one user only.
REFUSALS: Final = frozenset({DUPLICATE_KEY, DOCUMENT_VALIDATION_FAILURE})
# The deletion of such a user is refused.
IN_USE: Final[list[Document]] = [{"password_hash": {"$exists": True}}, {"local_roles.0": {"$exists": True}}]


def writer_of(source: str) -> str:
    """Return the `updated_by` of users that the ETL writes."""
    return f"etl:{source}"


def stamp_of(cause: Cause, now: datetime) -> Document:
    """Return the fields that tell who wrote a user, when, and why."""
    return {"updated_at": now, "updated_by": cause.actor, "cause": cause.as_document()}


def insertion(write: UserWrite, stamp: Document) -> InsertOne[Document]:
    """Insert a new user with version 1."""
    return InsertOne(
        {
            **({} if write.new_id is None else {"_id": write.new_id}),
            "created_at": stamp["updated_at"],
            **(write.fields or {}),
            "local_roles": [],
            **stamp,
            "deleted_at": None,
            "version": 1,
            "schema_version": SCHEMA_VERSION,
        }
    )


def update(write: UserWrite, stamp: Document) -> UpdateOne:
    """Update a user if it still has the version that the plan was computed from."""
    version = version_of(write.before or {}) + 1
    return UpdateOne(_guard(write), {"$set": {**(write.fields or {}), **stamp, "version": version}})


def deletion(write: UserWrite) -> DeleteOne:
    """Delete a user of that version.

    A user with a password or a local role is an account in use. An upstream change must not delete it.
    """
    return DeleteOne({**_guard(write), "$nor": IN_USE})


def refused(error: BulkWriteError) -> dict[int, int]:
    """Return the codes of operations refused because of their own user, by index.

    Raises any other failure.
    """
    failures = error.details["writeErrors"]
    if any(failure["code"] not in REFUSALS for failure in failures) or error.details["writeConcernErrors"]:
        raise error
    return {failure["index"]: failure["code"] for failure in failures}


def records_of(writes: Iterable[UserWrite]) -> set[int]:
    """Collect the indexes of the records that caused the writes."""
    return {index for write in writes for index in write.records}


def _guard(write: UserWrite) -> Document:
    before = write.before or {}
    # A user written by another client may have no version; None matches a missing field.
    return {"_id": before["_id"], "version": exactly(before.get("version"))}
