"""Store a batch: find known records, plan, write, retry lost races.

Idempotent: a repetition leaves the store as it is. Not atomic: a failure may leave a part of the batch written;
the repetition then finds that part unchanged. Safe beside any number of other writers: every update carries the
version it was computed from, every insert meets the unique indexes, and a record that lost a race is reclassified.

A tombstone may arrive before its record, on another page that is stored at the same time. A tombstone is saved,
and then its identity is looked for. A record is written, and then its end is looked for. So at least one of them
finds the other. An identity keeps its end when it moves to another user (`move.py`).
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

from pymongo.errors import PyMongoError

from docustore.database import Database, Document
from docustore.errors import FieldError, RecordsBusyError
from docustore.etl.classify import is_known, plan_batch
from docustore.etl.context import RunContext
from docustore.etl.guards.brake import Changes, PageHeldError, changes_of
from docustore.etl.guards.guards import Guards
from docustore.etl.held_address import is_address_held
from docustore.etl.late_store import keep_late_versions
from docustore.etl.operations import stamp_of
from docustore.etl.plan import BatchPlan, Outcome
from docustore.etl.refusals import ADDRESS_HELD
from docustore.etl.tombstones import ending, find_tombstones, save_tombstones
from docustore.etl.transform import UserRecord
from docustore.etl.unwritten import Unwritten
from docustore.etl.write import write_plan
from docustore.users.sound import address_of, sound_identities
from docustore.users.stored import USERS, RawUser, id_key

# A lost race is common and is usually won in the second round.
ROUNDS_TOGETHER: Final = 2
# The pause before each round of a single record, in seconds. Then the run is put off.
PAUSES_ALONE_S: Final = (0.0, 0.0, 0.0, 0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
# The outcomes that may have brought an identity into the store.
ARRIVALS: Final = frozenset({Outcome.INSERTED, Outcome.UPDATED})
# Everything that `is_known` and `Observed` read.
_VERSIONS: Final = {
    "identities.key": 1,
    "identities.hash": 1,
    "identities.modified_at": 1,
    "identities.deleted_at": 1,
    "identities.absent": 1,
    "identities.rivals": 1,
    "identities.mapping": 1,
}
_required_parts: Final = itemgetter("key", "hash", "modified_at")
# What `Stamps` reads beside these.
_WRITES: Final = {"version": 1, "updated_at": 1, "updated_by": 1}
# The plan needs neither the password hash nor the terms, which are derived from other fields.
_FOR_PLANNING: Final = {"password_hash": 0, "search_terms": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One outcome per record, in order; why records are refused, by index."""

    outcomes: list[Outcome] = field(default_factory=list)
    refusals: dict[int, FieldError] = field(default_factory=dict)


async def store_page(records: Sequence[UserRecord], context: RunContext, *, now: datetime) -> Stored:
    """Bring the store up to date with a batch of valid records.

    Args:
        records: At most a few thousand. Keys may repeat.
        now: The time written as `updated_at`; it is the stamp of the page (`docustore.etl.stamps`).

    Returns:
        Outcomes are those of the writes that succeeded. `quarantined` marks records whose writes are refused until
        a person changes something.

    Raises:
        PageHeldError: A limit would be passed. Nothing of the batch is written.
        RecordsBusyError: Other writers came first every time.
        PyMongoError: The store failed. Part of the batch may be written.
    """
    return await _Batch(records, context, now).store()


async def store_records(records: Sequence[UserRecord], context: RunContext, *, now: datetime) -> list[Outcome]:
    """Store a batch as `store_page` does, and return only the outcomes."""
    return (await store_page(records, context, now=now)).outcomes


class _Batch:
    """The records of one batch, with the outcomes found so far by index."""

    __slots__ = ("_admitted", "_context", "_counted", "_database", "_now", "_outcomes", "_records", "_refusals")

    def __init__(self, records: Sequence[UserRecord], context: RunContext, now: datetime) -> None:
        self._records = records
        self._context = context
        self._database = context.database
        self._now = now
        self._outcomes: dict[int, Outcome] = {}
        self._refusals: dict[int, FieldError] = {}
        # The keys whose earlier writes this batch counts.
        self._counted: set[str] = set()
        # The changes of the first round, which the brake has admitted. Later rounds repeat a part of them.
        self._admitted: Changes | None = None

    async def store(self) -> Stored:
        try:
            return await self._store()
        except (PyMongoError, RecordsBusyError):
            # The page is stored again, and asks again.
            self._context.guards.brake.withdraw(self._admitted or Counter())
            raise

    async def _store(self) -> Stored:
        await self._skip_known()
        pending = [index for index in range(len(self._records)) if index not in self._outcomes]
        for _ in range(ROUNDS_TOGETHER):
            pending = await self._store_round(pending)
        # One by one: two moves that need each other's identities block each other when they are written together.
        for index in pending:
            await self._store_alone(index)
        if not self._context.options.dry_run:
            await self._end_arrivals()
        outcomes = [self._outcomes[index] for index in range(len(self._records))]
        if self._context.options.dry_run:
            outcomes = self._context.rehearsal.corrected(self._records, outcomes)
        return Stored(outcomes=outcomes, refusals=self._refusals)

    async def _store_alone(self, index: int) -> None:
        for pause_s in PAUSES_ALONE_S:
            # Random, so that writers that lost one race do not meet again in the next one.
            await asyncio.sleep(random.uniform(0, pause_s))  # noqa: S311  # not a secret
            if not await self._store_round([index], is_final=True):
                return
        plan = await _plan_round(self._database, [self._records[index]])
        if not await is_address_held(self._database, plan):
            raise RecordsBusyError
        self._outcomes[index], self._refusals[index] = Outcome.QUARANTINED, ADDRESS_HELD

    async def _skip_known(self) -> None:
        """Note the outcomes of known records, by one indexed read of a few fields."""
        keys = [record.key for record in self._records]
        identities: dict[str, tuple[RawUser, RawUser]] = {}
        which = {"identities.key": {"$in": keys}}
        fields = {**_VERSIONS, **_WRITES} if self._context.may_be_written else _VERSIONS
        for user in await self._database[USERS].find(which, fields, batch_size=len(keys) + 1).to_list():
            for identity in user["identities"]:
                # An identity of another client may lack parts. Then the record is planned, and written again.
                try:
                    key, _, _ = _required_parts(identity)
                except (KeyError, TypeError):
                    continue
                identities[key] = (identity, user)
        for index, record in enumerate(self._records):
            found = identities.get(record.key)
            is_held = self._context.observed.note(record, None if found is None else found[0])
            if found is not None and (is_held or is_known(record, found[0])):
                self._outcomes[index] = self._outcome_of_known(record, *found)
            elif found is not None and self._is_written_end(record, *found):
                self._outcomes[index] = Outcome.DEACTIVATED

    def _outcome_of_known(self, record: UserRecord, identity: RawUser, user: RawUser) -> Outcome:
        if identity["hash"] != record.hash or not self._counts_now(record, user):
            return Outcome.UNCHANGED
        return Outcome.INSERTED if user.get("version") == 1 else Outcome.UPDATED

    def _is_written_end(self, record: UserRecord, identity: RawUser, user: RawUser) -> bool:
        is_end = record.values is None and identity.get("deleted_at") == record.modified_at
        return is_end and self._counts_now(record, user)

    def _counts_now(self, record: UserRecord, user: RawUser) -> bool:
        """Tell whether an earlier try wrote the record and it is not counted yet."""
        if not self._context.may_be_written or record.key in self._counted:
            return False
        is_counted_now = self._context.stamps.counts_now(record.key, user, stamp=self._now)
        if is_counted_now:
            self._counted.add(record.key)
        return is_counted_now

    async def _store_round(self, pending: Sequence[int], *, is_final: bool = False) -> list[int]:
        """Classify and write some records; return those to reclassify.

        Args:
            is_final: A refused record is not reclassified. It must be the only one.
        """
        if not pending:
            return []
        batch = [self._records[index] for index in pending]
        plan = await _plan_round(self._database, batch)
        await self._ask(plan)
        unwritten = Unwritten() if self._context.options.dry_run else await self._write(plan, batch)
        for position, (index, outcome) in enumerate(zip(pending, plan.outcomes, strict=True)):
            if position in unwritten.lost or position in unwritten.refused:
                continue
            # A record that an earlier round may have written is unchanged now; its first outcome counts.
            if outcome is not Outcome.UNCHANGED:
                self._outcomes[index] = outcome
            self._outcomes.setdefault(index, Outcome.UNCHANGED)
        if is_final and unwritten.refused:
            [(index, error)] = zip(pending, unwritten.refused.values(), strict=True)
            self._outcomes[index], self._refusals[index] = Outcome.QUARANTINED, error
            return []
        return [
            pending[position] for position in sorted(unwritten.lost | unwritten.unsure | unwritten.refused.keys())
        ]

    async def _ask(self, plan: BatchPlan) -> None:
        """Ask the guards before the first write of the batch; in a dry run, tell them."""
        guards = self._context.guards
        if guards.diff is not None:
            guards.diff.note(plan)
        if self._admitted is None:
            changes = changes_of(plan)
            try:
                await guards.brake.admit(changes)
                self._admitted = changes
            except PageHeldError:
                # A dry run goes on: it says whether the run would be held.
                if not self._context.options.dry_run:
                    raise

    async def _write(self, plan: BatchPlan, batch: Sequence[UserRecord]) -> Unwritten:
        await save_tombstones(self._database, plan.tombstones, mapping=batch[0].mapping)
        cause = self._context.cause
        facts: Any = {"cause": cause, "now": self._now}
        waiting = await keep_late_versions(self._database, plan.late, not_stored=plan.new_users(), **facts)
        unwritten = await write_plan(self._database, plan, stamp=stamp_of(cause, self._now))
        stored = plan.new_users(without=unwritten.lost | unwritten.refused.keys())
        await keep_late_versions(self._database, [late for late in waiting if late.user_id in stored], **facts)
        # The next round looks for their identities again: one may have arrived before its end was saved.
        unwritten.unsure |= {index for index, record in enumerate(batch) if record.key in plan.tombstones}
        return unwritten

    async def _end_arrivals(self) -> None:
        """End identities whose ends were saved after this batch looked for ends."""
        arrived = [
            record
            for index, record in enumerate(self._records)
            # An interrupted attempt may have written a record and not re-checked it.
            if record.values is not None and (self._outcomes[index] in ARRIVALS or self._context.may_be_written)
        ]
        late = await find_tombstones(self._database, arrived)
        if late:
            endings = [ending(key, at, mapping) for key, (ends, mapping) in late.items() for at in sorted(ends)]
            # The records of these endings are written, so the batch cannot be held any more.
            unguarded = replace(self._context, guards=Guards())
            if Outcome.QUARANTINED in await store_records(endings, unguarded, now=self._now):
                raise RecordsBusyError


async def _plan_round(database: Database, records: Sequence[UserRecord]) -> BatchPlan:
    """Read the users that the records meet, and plan their writes."""
    keys = [record.key for record in records]
    users: dict[Any, Document] = {}
    async for user in database[USERS].find({"identities.key": {"$in": keys}}, _FOR_PLANNING):
        users[id_key(user["_id"])] = user
    held = {(identity["key"], address_of(user)) for user in users.values() for identity in sound_identities(user)}
    emails = {
        record.values["email"]
        for record in records
        if record.values is not None and (record.key, record.values["email"]) not in held
    }
    if emails:
        by_email = {"email": {"$in": list(emails)}, "deleted_at": None}
        async for user in database[USERS].find(by_email, _FOR_PLANNING):
            users[id_key(user["_id"])] = user
    known = {identity["key"] for user in users.values() for identity in sound_identities(user)}
    ends = await find_tombstones(database, [record for record in records if record.key not in known])
    return plan_batch(records, users.values(), {key: times for key, (times, _) in ends.items()})
