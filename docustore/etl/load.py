"""Load one batch: read what it touches, classify, write only what differs; again for what meets other writers.

Idempotent: loading a batch twice leaves the store as after once. Not atomic: a failure may leave a part written,
which the repetition finds done. Safe beside any number of other writers: every update carries the version it was
computed from, every insert meets the unique indexes, and what misses is classified again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bson import ObjectId

from docustore.database import Database, Document
from docustore.etl.classify import BatchPlan, Outcome, is_known, plan_batch
from docustore.etl.tombstones import ending, find_tombstones
from docustore.etl.transform import UserRecord
from docustore.etl.write import USERS, write_plan
from docustore.users.identities import RawUser

# Another writer in the way is common and gone by the second round. A record that loses six races in a row is in a
# knot that another try will not undo.
ROUNDS_TOGETHER: Final = 2
ROUNDS_ALONE: Final = 4
# The outcomes with which an identity may have come into the store.
ARRIVALS: Final = frozenset({Outcome.INSERTED, Outcome.UPDATED})
_VERSIONS: Final = {
    "identities.key": 1,
    "identities.hash": 1,
    "identities.modified_at": 1,
    "version": 1,
    "updated_at": 1,
}
# Neither the password hash, which is nobody's business here, nor what follows from other fields.
_FOR_PLANNING: Final = {"password_hash": 0, "search_terms": 0}


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
    failed = set() if context.dry_run else await write_plan(database, plan, source=context.source, now=context.now)
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
    async for user in database[USERS].find({"identities.key": {"$in": keys}}, _VERSIONS, batch_size=len(keys) + 1):
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
    async for user in database[USERS].find({"identities.key": {"$in": keys}}, _FOR_PLANNING):
        users[user["_id"]] = user
    held = {(identity["key"], user["email"]) for user in users.values() for identity in user["identities"]}
    emails = {
        record.values["email"]
        for record in records
        if record.values is not None and (record.key, record.values["email"]) not in held
    }
    if emails:
        by_email = {"email": {"$in": list(emails)}, "deleted_at": None}
        async for user in database[USERS].find(by_email, _FOR_PLANNING):
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
