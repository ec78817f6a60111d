"""Load one batch: read what it touches, classify, write only what differs.

Idempotent: loading a batch twice leaves the store as after once. Not atomic: a failure may leave a part written,
which the repetition finds done. Safe beside any number of other writers: every update carries the version it was
computed from, every insert meets the unique indexes, and what misses is classified again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bson import ObjectId
from pymongo import DeleteOne, UpdateOne
from pymongo.errors import BulkWriteError

from docustore.database import Database, Document
from docustore.etl.classify import BatchPlan, Outcome, UserWrite, is_known, plan_batch
from docustore.etl.tombstones import ending, find_tombstones, save_tombstones
from docustore.etl.transform import UserRecord
from docustore.users.identities import RawUser
from docustore.users.models import SCHEMA_VERSION

USERS: Final = "users"
# Another writer in the way is common and gone by the second round. A record that loses six races in a row is in a
# knot that another try will not undo.
ROUNDS_TOGETHER: Final = 2
ROUNDS_ALONE: Final = 4
# DuplicateKey: another user has the identity or the address. DocumentValidationFailure: the collection's validator
# refuses the user. Both concern one record only. https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
REFUSALS: Final = frozenset({11000, 121})
# The outcomes with which an identity may have come into the store.
ARRIVALS: Final = frozenset({Outcome.INSERTED, Outcome.UPDATED})
_LIGHT: Final = {
    "identities.key": 1,
    "identities.hash": 1,
    "identities.modified_at": 1,
    "version": 1,
    "updated_at": 1,
}
_WITHOUT_SECRETS: Final = {"password_hash": 0, "search_terms": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadContext:
    """What every batch of a run shares.

    `resumed_since` is the start of a run that was interrupted, None on a first attempt: what the interrupted
    attempt wrote is then counted as written by the run, not as unchanged.
    """

    source: str
    now: datetime
    dry_run: bool = False
    resumed_since: datetime | None = None


async def load(database: Database, records: Sequence[UserRecord], context: LoadContext) -> list[Outcome]:
    """Bring the store up to date with a batch of valid records.

    Args:
        records: At most a few thousand, keys may repeat.

    Returns:
        One outcome per record, in order. `quarantined` marks those that could not be written in six rounds,
        because other writers or the unique e-mail addresses were always in the way.
    """
    outcomes = await _find_known(database, records, context)
    pending = [index for index in range(len(records)) if index not in outcomes]
    for _ in range(ROUNDS_TOGETHER):
        pending = await _load_once(database, records, pending, context, outcomes)
    # One by one: users that exchange identities stand in each other's way when they are written together.
    for index in pending:
        for _ in range(ROUNDS_ALONE):
            if not await _load_once(database, records, [index], context, outcomes):
                break
        else:
            outcomes[index] = Outcome.QUARANTINED
    if not context.dry_run:
        await _apply_late_tombstones(database, records, outcomes, context)
    return [outcomes[index] for index in range(len(records))]


async def _load_once(
    database: Database,
    records: Sequence[UserRecord],
    pending: Sequence[int],
    context: LoadContext,
    outcomes: dict[int, Outcome],
) -> list[int]:
    """Classify and write some of the records; note their outcomes and return those to be taken again."""
    if not pending:
        return []
    batch = [records[index] for index in pending]
    plan = await _plan(database, batch)
    failed = set() if context.dry_run else await _write(database, plan, context)
    if plan.tombstones and not context.dry_run:
        failed |= await _met_by_now(database, batch, plan.tombstones)
    for index, outcome in zip(pending, plan.outcomes, strict=True):
        # A record that an earlier round has written in part is found unchanged by the next one.
        if outcome is not Outcome.UNCHANGED:
            outcomes[index] = outcome
        outcomes.setdefault(index, Outcome.UNCHANGED)
    return [pending[position] for position in sorted(failed)]


async def _find_known(
    database: Database, records: Sequence[UserRecord], context: LoadContext
) -> dict[int, Outcome]:
    """Find the records that the store has in this very version, by one indexed read of a few fields."""
    keys = [record.key for record in records]
    identities: dict[str, tuple[RawUser, RawUser]] = {}
    async for user in database[USERS].find({"identities.key": {"$in": keys}}, _LIGHT, batch_size=len(keys) + 1):
        for identity in user["identities"]:
            identities[identity["key"]] = (identity, user)
    known: dict[int, Outcome] = {}
    for index, record in enumerate(records):
        found = identities.get(record.key)
        if found is not None and is_known(record, found[0]):
            known[index] = _outcome_before(found[1], context)
    return known


def _outcome_before(user: RawUser, context: LoadContext) -> Outcome:
    since = context.resumed_since
    if since is None or user.get("updated_at") is None or user["updated_at"] < since:
        return Outcome.UNCHANGED
    return Outcome.INSERTED if user.get("version") == 1 else Outcome.UPDATED


async def _plan(database: Database, records: Sequence[UserRecord]) -> BatchPlan:
    keys = [record.key for record in records]
    users: dict[ObjectId, Document] = {}
    async for user in database[USERS].find({"identities.key": {"$in": keys}}, _WITHOUT_SECRETS):
        users[user["_id"]] = user
    held = {(identity["key"], user["email"]) for user in users.values() for identity in user["identities"]}
    emails = {
        record.values["email"]
        for record in records
        if record.values is not None and (record.key, record.values["email"]) not in held
    }
    if emails:
        by_email = {"email": {"$in": list(emails)}, "deleted_at": None}
        async for user in database[USERS].find(by_email, _WITHOUT_SECRETS):
            users[user["_id"]] = user
    known = {identity["key"] for user in users.values() for identity in user.get("identities") or ()}
    tombstones = await find_tombstones(database, [key for key in keys if key not in known])
    return plan_batch(records, users.values(), tombstones)


async def _met_by_now(
    database: Database, records: Sequence[UserRecord], tombstones: Mapping[str, datetime]
) -> set[int]:
    """Find the records whose identities the store had not seen, but has by the time their ends are written."""
    users = database[USERS].find({"identities.key": {"$in": list(tombstones)}}, {"identities.key": 1})
    there = {identity["key"] async for user in users for identity in user["identities"]} & tombstones.keys()
    return {index for index, record in enumerate(records) if record.key in there}


async def _apply_late_tombstones(
    database: Database, records: Sequence[UserRecord], outcomes: Mapping[int, Outcome], context: LoadContext
) -> None:
    """End the identities whose tombstones were written after the batch had looked for them."""
    arrived = [
        record.key
        for index, record in enumerate(records)
        # Of what an interrupted attempt has written nobody knows whether it came to look again.
        if record.values is not None and (outcomes[index] in ARRIVALS or context.resumed_since is not None)
    ]
    late = await find_tombstones(database, arrived)
    if late:
        await load(database, [ending(key, ended_at) for key, ended_at in late.items()], context)


async def _write(database: Database, plan: BatchPlan, context: LoadContext) -> set[int]:
    """Carry a plan out; return the indexes of the records to classify again."""
    await save_tombstones(database, plan.tombstones)
    deletes = [write for write in plan.writes if write.fields is None]
    updates = [write for write in plan.writes if write.before is not None and write.fields is not None]
    inserts = [write for write in plan.writes if write.before is None]
    # In this order: what leaves a user, or frees an e-mail address, must be gone before it arrives elsewhere.
    failed = await _delete(database, deletes)
    failed |= await _update(database, sorted(updates, key=_losses_first), context)
    failed |= await _insert(database, inserts, context)
    return failed


async def _insert(database: Database, writes: Sequence[UserWrite], context: LoadContext) -> set[int]:
    if not writes:
        return set()
    try:
        # Unordered: one duplicate key must cost one record, not the rest of the batch.
        await database[USERS].insert_many([_new_document(write, context) for write in writes], ordered=False)
    except BulkWriteError as exc:
        return _records_of([writes[index] for index in _refused(exc)])
    return set()


async def _update(database: Database, writes: Sequence[UserWrite], context: LoadContext) -> set[int]:
    if not writes:
        return set()
    operations = [
        UpdateOne(
            _guard(write),
            {"$set": {**(write.fields or {}), **_stamp(context)}, "$inc": {"version": 1}},
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
        # Somebody else changed some of these users, and the server does not say which: all are looked at again.
        return _records_of(writes)
    return _records_of(failed)


async def _delete(database: Database, writes: Sequence[UserWrite]) -> set[int]:
    if not writes:
        return set()
    # A user that has been given a password or a role here is somebody's account, whoever stands for it upstream.
    unowned = {"password_hash": {"$exists": False}, "local_roles.0": {"$exists": False}}
    operations = [DeleteOne({**_guard(write), **unowned}) for write in writes]
    result = await database[USERS].bulk_write(operations, ordered=False)
    return _records_of(writes) if result.deleted_count < len(writes) else set()


def _new_document(write: UserWrite, context: LoadContext) -> Document:
    return {
        "created_at": context.now,
        **(write.fields or {}),
        "local_roles": [],
        **_stamp(context),
        "deleted_at": None,
        "version": 1,
        "schema_version": SCHEMA_VERSION,
    }


def _stamp(context: LoadContext) -> Document:
    return {"updated_at": context.now, "updated_by": f"etl:{context.source}"}


def _guard(write: UserWrite) -> Document:
    before = write.before or {}
    # Another client's user may have no version; None then matches the missing field.
    return {"_id": before["_id"], "version": before.get("version")}


def _losses_first(write: UserWrite) -> int:
    had = (write.before or {}).get("identities") or []
    return len((write.fields or {}).get("identities") or had) - len(had)


def _refused(error: BulkWriteError) -> list[int]:
    """List the operations that the store refused one by one; any other failure concerns all of them."""
    failures = error.details["writeErrors"]
    if any(failure["code"] not in REFUSALS for failure in failures) or error.details["writeConcernErrors"]:
        raise error
    return [failure["index"] for failure in failures]


def _records_of(writes: Iterable[UserWrite]) -> set[int]:
    return {index for write in writes for index in write.records}
