"""Compare what a run meant to store with what the store has.

A write that was acknowledged and is not there, or that another process has damaged, is found here, by the run that
made it. A newer version of an identity is no difference: another run or a person has written it meanwhile.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from docustore.database import Database
from docustore.errors import VerificationFailedError
from docustore.etl.guards.guards import Guards
from docustore.etl.guards.verified import Difference, Verification
from docustore.etl.operations import writer_of
from docustore.etl.transform import UserRecord
from docustore.users.fields import FIELDS, completed_fields, leaf
from docustore.users.identities import IdentityEntry, is_ended, with_values
from docustore.users.sound import local_roles_of, sound_identities
from docustore.users.stored import USERS, RawUser
from docustore.users.versions import is_newer_version

MISSING: Final = "identities"


async def verify_sample(database: Database, source: str, records: Sequence[UserRecord]) -> Verification:
    """Read some records back and compare them, field by field."""
    which = {"identities.key": {"$in": [record.key for record in records]}}
    users = {
        entry["key"]: user
        async for user in database[USERS].find(which, {"password_hash": 0, "search_terms": 0})
        for entry in sound_identities(user)
    }
    found = [
        Difference(
            identity=record.key,
            user_id=None if (user := users.get(record.key)) is None else str(user["_id"]),
            fields=fields,
        )
        for record in records
        if (fields := list(differing_fields(record, users.get(record.key), writer=writer_of(source))))
    ]
    return Verification(sampled=len(records), differences=found)


def differing_fields(record: UserRecord, user: RawUser | None, *, writer: str) -> Iterator[str]:
    """List the fields of a record that the store does not have as they were meant.

    Args:
        user: The user with the record's identity; None if there is none.
        writer: The name under which the run writes. After another writer, only the identity itself is compared.
    """
    if user is None:
        yield MISSING
        return
    [entry] = [each for each in with_values(user) if each["key"] == record.key]
    if record.values is None:
        if not is_ended(entry) and entry["modified_at"] <= record.modified_at:
            yield "status"
        return
    # Values of its own, or the fields of the user.
    has_own = any(each["key"] == record.key and "values" in each for each in sound_identities(user))
    values = entry["values"] if has_own else _own_values(record.values, entry["values"], user)
    if _is_newer(entry, values, record):
        return
    if entry["hash"] != record.hash:
        yield f"{MISSING}.hash"
    if has_own or user.get("updated_by") == writer:
        yield from _differing_values(record.values, values)


async def verify(database: Database, source: str, guards: Guards) -> None:
    """Read the sample of a run back; the result is in `guards.verification`.

    Raises:
        VerificationFailedError: A record is not stored as it was meant to be.
    """
    records = [] if guards.sample is None else guards.sample.records
    if not records:
        return
    found = guards.verification = await verify_sample(database, source, records)
    if found.differences:
        first = found.differences[0]
        raise VerificationFailedError(
            differing=len(found.differences),
            sampled=found.sampled,
            first=first.user_id or first.identity,
            fields=first.fields,
        )


def _is_newer(entry: IdentityEntry, values: Mapping[str, Any], record: UserRecord) -> bool:
    """Tell whether the store has a version that replaced the record."""
    if entry["modified_at"] != record.modified_at:
        return entry["modified_at"] > record.modified_at
    if record.values is None or entry["hash"] == record.hash:
        return False
    # Two versions with one time: the rules for ties chose the other one.
    return not is_newer_version(
        record.modified_at,
        record.values,
        than_modified_at=record.modified_at,
        than_values=values,
        than_hash=entry["hash"],
    )


def _own_values(meant: Mapping[str, Any], stored: Mapping[str, Any], user: RawUser) -> Mapping[str, Any]:
    """Return the fields of a user with one identity as the values of that identity."""
    local = [role for role in local_roles_of(user) if role not in meant["roles"]]
    values = {**stored, "roles": [role for role in completed_fields(user)["roles"] if role not in local]}
    return values if meant["created_at"] is not None else {**values, "created_at": None}


def _differing_values(meant: Mapping[str, Any], stored: Mapping[str, Any]) -> Iterator[str]:
    for field in FIELDS:
        if field.name == "created_at" and meant["created_at"] is None:
            # Without a registration time upstream, the user has the time of its insertion. An identity that other
            # identities joined later has taken that time over.
            continue
        if leaf(meant, field.path) != leaf(stored, field.path):
            yield field.name
