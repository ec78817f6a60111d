"""End the identities that two full readings in a row have lacked.

A record that was deleted upstream is sent by no change. Only a full reading shows that it is gone. One reading is
no proof: a record may move between two pages, or be written while the reading goes on.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Final

from docustore.clock import now_utc
from docustore.database import Database
from docustore.etl.context import RunContext
from docustore.etl.guards.brake import PageHeldError
from docustore.etl.guards.guards import Guards
from docustore.etl.guards.keys import KeySet, digests_of
from docustore.etl.guards.known import live_identities
from docustore.etl.guards.outcome import refuse_if_held
from docustore.etl.guards.seen import SEEN, chunk_of, chunks
from docustore.etl.guards.snapshot_result import SnapshotResult
from docustore.etl.models import SNAPSHOTS, SOURCES, EtlRun, Window
from docustore.etl.plan import Outcome
from docustore.etl.store import store_records
from docustore.etl.transform import UserRecord
from docustore.users.sound import EPOCH, keyed_identities, time_of
from docustore.users.stored import USERS

ABSENT: Final = "absent"
BATCH: Final = 1000
# 400 kB of a document's 16 MB.
CHUNK_KEYS: Final = 50_000


async def end_absent(context: RunContext, run: EtlRun, window: Window) -> None:
    """End what is absent for the second time, and remember the rest.

    A dry run only finds out. The result is in `context.guards.snapshot`.

    Raises:
        ApprovalNeededError: More would end than the limits allow. Nothing has ended.
    """
    guards = context.guards
    if guards.seen is None or window.until is None:
        return
    seen, count, unreadable = await guards.seen.load()
    if (problem := _problem(count, unreadable)) is not None:
        guards.snapshot = SnapshotResult(seen=count, problem=problem)
        return
    before = await _absent_before(context.database, run.source)
    absent = [key async for key in absent_keys(context.database, run.source, seen, until=window.until)]
    twice = [key for key in absent if key in before]
    await _ask(guards, run, len(twice))
    ended = await _end(context, twice, at=window.until)
    once = sorted(set(absent).difference(twice))
    if not run.options.dry_run:
        await _remember(context.database, run, once)
    guards.snapshot = SnapshotResult(seen=count, absent=len(once), deactivated=ended)


async def forget_readings(database: Database, run: EtlRun, guards: Guards) -> None:
    """Remove the keys that no later run needs, after a run has succeeded."""
    if guards.snapshot is not None and guards.snapshot.is_complete and not run.options.dry_run:
        await database[SNAPSHOTS].delete_many({"source": run.source, "run_id": {"$ne": str(run.id)}})
        await database[SNAPSHOTS].delete_many(chunks(run.source, str(run.id), SEEN))


def _problem(count: int, unreadable: int) -> str | None:
    if not count:
        return "the source sent no record"
    if unreadable:
        return f"{unreadable} records show no id and could be any of those that are missing; see the quarantine"
    return None


async def absent_keys(database: Database, source: str, seen: KeySet, *, until: datetime) -> AsyncIterator[str]:
    """List the live identities of a source that a reading lacks."""
    fields = {"identities.key": 1, "identities.modified_at": 1, "identities.deleted_at": 1}
    prefix = f"{source}:"
    async for user in database[USERS].find(live_identities(source), fields, batch_size=10 * BATCH):
        for identity in keyed_identities(user):
            key: str = identity["key"]
            is_live = key.startswith(prefix) and identity.get("deleted_at") is None
            # A record that is newer than the reading came by another way.
            if is_live and (time_of(identity.get("modified_at")) or EPOCH) <= until and key not in seen:
                yield key


async def _absent_before(database: Database, source: str) -> KeySet:
    """Load what the last complete full reading lacked."""
    keys = KeySet()
    stored = await database[SOURCES].find_one({"_id": source}, {"snapshot": 1}) or {}
    last = stored.get("snapshot")
    if last is not None:
        async for chunk in database[SNAPSHOTS].find(chunks(source, last["run_id"], ABSENT)):
            keys.add(bytes(chunk["keys"]))
    return keys


async def _ask(guards: Guards, run: EtlRun, count: int) -> None:
    """Ask for all ends together, before the first one."""
    changes = Counter(deactivated=count)
    if run.options.dry_run:
        # Its batches ask for themselves, and nothing ends.
        return
    try:
        await guards.brake.admit(changes)
    except PageHeldError:
        refuse_if_held(guards, run)
    # Every batch asks again.
    guards.brake.withdraw(changes)


async def _end(context: RunContext, keys: Sequence[str], *, at: datetime) -> int:
    ended = 0
    for batch in _batches(keys, BATCH):
        endings = [
            UserRecord(key=key, modified_at=at, hash="", values=None, is_time_observed=False, is_absence=True)
            for key in batch
        ]
        outcomes = await store_records(endings, context, now=context.stamps.next(now_utc()))
        ended += Counter(outcomes)[Outcome.DEACTIVATED]
    return ended


async def _remember(database: Database, run: EtlRun, keys: Sequence[str]) -> None:
    """Store what is absent for the first time; a repetition replaces it."""
    await database[SNAPSHOTS].delete_many(chunks(run.source, str(run.id), ABSENT))
    for batch in _batches(keys, CHUNK_KEYS):
        await database[SNAPSHOTS].insert_one(chunk_of(run, ABSENT, digests_of(batch)))


def _batches(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
