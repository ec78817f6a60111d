"""Migrate one batch of users in one transaction.

The transaction renews the lease on condition of the fence, reads the batch, writes what changes and moves the
checkpoint with the counts. So a batch counts exactly once, also after SIGKILL. A write of another client that
comes first ends the transaction; the batch is read again and has that write.
"""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo import UpdateOne, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from docustore.database import Database, Document
from docustore.migrations.lease import MigrationLease
from docustore.migrations.ledger import LISTED_CONFLICTS, SCHEMA_MIGRATIONS, Conflict
from docustore.migrations.migration import ConflictError, Direction, Migration, RawDocument
from docustore.migrations.rewrite import guard, projection, update_of
from docustore.transient import DOCUMENT_VALIDATION_FAILURE, DUPLICATE_KEY
from docustore.users.stored import USERS

_SNAPSHOT: Final = ReadConcern("snapshot")
_MAJORITY: Final = WriteConcern("majority")
_REFUSALS: Final = {DUPLICATE_KEY: "duplicate_key", DOCUMENT_VALIDATION_FAILURE: "refused_by_validator"}

# By id: the document before and after, and its update.
_Rewritten = dict[Any, tuple[RawDocument, RawDocument]]
_Updates = dict[Any, UpdateOne]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The documents of one batch: `limit` after `after`, in the order of `_id`.

    `refused` are documents that the server refuses to write; they become conflicts. `only` restricts the batch to
    some ids.
    """

    after: Any
    limit: int
    refused: Mapping[Any, str]
    only: Collection[Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a batch cost: it began at `since`, on the monotonic clock."""

    since: float
    lost_races: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What a batch did; `last` is its greatest `_id`."""

    read: int
    changed: int
    conflicts: tuple[Conflict, ...]
    last: Any
    is_last: bool


class RefusedDocumentError(Exception):
    """The server refuses one document of the batch; nothing of the batch is written."""

    def __init__(self, document_id: Any, code: str) -> None:
        super().__init__(code)
        self.document_id = document_id
        self.code = code


async def migrate_batch(
    lease: MigrationLease, migration: Migration, direction: Direction, part: Slice, *, spent: Spent
) -> BatchResult:
    """Migrate a batch, or nothing of it.

    Raises:
        MigrationFencedError: Another runner has taken over.
        RefusedDocumentError: The unique indexes or the validator refuse one document.
        PyMongoError: The transaction failed; it is transient if another write came first.
    """
    session = lease.session
    async with await session.start_transaction(read_concern=_SNAPSHOT, write_concern=_MAJORITY):
        await lease.renew(session)
        batch = await _read(lease.database, migration, direction, part, session)
        result, updates = await _planned(lease.database, migration, direction, part, batch, session)
        if updates:
            await _write(lease.database, direction, updates, session)
        await _record(lease.database, migration, result, session, spent=spent)
    return result


async def preview_batch(
    database: Database, migration: Migration, direction: Direction, part: Slice
) -> BatchResult:
    """Tell what a batch would do, and change nothing."""
    batch = await _read(database, migration, direction, part, None)
    return (await _planned(database, migration, direction, part, batch, None))[0]


async def _read(
    database: Database, migration: Migration, direction: Direction, part: Slice, session: AsyncClientSession | None
) -> list[Document]:
    step = migration.step(direction)
    which = dict(step.pending) if step else {}
    if part.only is not None:
        which["_id"] = {"$in": list(part.only)}
    found = database[USERS].find(which, projection(migration), session=session).sort("_id", 1).hint("_id_")
    if part.after is None:
        return await found.limit(part.limit).to_list()
    # `min` and not `$gt`: ids may have several types, and `$gt` sees only those of the type of its operand.
    batch = await found.min([("_id", part.after)]).limit(part.limit + 1).to_list()
    return batch[1:] if batch and batch[0]["_id"] == part.after else batch[: part.limit]


async def _planned(
    database: Database,
    migration: Migration,
    direction: Direction,
    part: Slice,
    batch: Sequence[Document],
    session: AsyncClientSession | None,
) -> tuple[BatchResult, _Updates]:
    rewritten, conflicts = _transformed(migration, direction, part, batch)
    for name in migration.unique:
        conflicts |= await _taken(database, name, rewritten, session)
    updates = {
        key: UpdateOne(guard(before), update_of(migration, direction, before, after))
        for key, (before, after) in rewritten.items()
        if key not in conflicts
    }
    result = BatchResult(
        read=len(batch),
        changed=len(updates),
        conflicts=tuple(conflicts.values()),
        last=batch[-1]["_id"] if batch else part.after,
        is_last=len(batch) < part.limit,
    )
    return result, updates


def _transformed(
    migration: Migration, direction: Direction, part: Slice, batch: Sequence[Document]
) -> tuple[_Rewritten, dict[Any, Conflict]]:
    step = migration.step(direction)
    rewritten: _Rewritten = {}
    conflicts: dict[Any, Conflict] = {}
    for document in batch if step else ():
        key = document["_id"]
        try:
            after = step.transform(document) if step else None
        except ConflictError as exc:
            conflicts[key] = Conflict(id=key, code=exc.code, other=exc.other)
            continue
        if after is not None and key in part.refused:
            conflicts[key] = Conflict(id=key, code=part.refused[key])
        elif after is not None:
            rewritten[key] = (document, after)
    return rewritten, conflicts


async def _taken(
    database: Database, name: str, rewritten: _Rewritten, session: AsyncClientSession | None
) -> dict[Any, Conflict]:
    """Find the documents whose new value another user has, or gets in this batch."""
    wanted = {
        key: after[name]
        for key, (before, after) in rewritten.items()
        if before.get("deleted_at") is None and before.get(name) != after.get(name)
    }
    if not wanted:
        return {}
    which = {name: {"$in": list(set(wanted.values()))}, "deleted_at": None}
    holders = {user[name]: user["_id"] async for user in database[USERS].find(which, {name: 1}, session=session)}
    shared = Counter(wanted.values())
    conflicts: dict[Any, Conflict] = {}
    for key, value in wanted.items():
        holder = holders.get(value)
        if holder is not None and holder != key:
            conflicts[key] = Conflict(id=key, code=f"{name}_taken", other=holder)
        elif shared[value] > 1:
            # The first one, in the order of ids, gets the value.
            holders[value] = key
    return conflicts


async def _write(database: Database, direction: Direction, updates: _Updates, session: AsyncClientSession) -> None:
    # The way back leads to shapes that the present validator refuses.
    is_back = direction is Direction.DOWN
    try:
        await database[USERS].bulk_write(
            list(updates.values()), ordered=True, session=session, bypass_document_validation=is_back
        )
    except BulkWriteError as exc:
        failure = exc.details["writeErrors"][0] if exc.details["writeErrors"] else None
        code = _REFUSALS.get(failure["code"]) if failure else None
        if failure is None or code is None:
            raise
        raise RefusedDocumentError(list(updates)[failure["index"]], code) from exc


async def _record(
    database: Database, migration: Migration, result: BatchResult, session: AsyncClientSession, *, spent: Spent
) -> None:
    added = {
        "counts.read": result.read,
        "counts.changed": result.changed,
        "counts.conflicts": len(result.conflicts),
        "changed_in_pass": result.changed,
        "counts.lost_races": spent.lost_races,
        "duration_s": time.monotonic() - spent.since,
    }
    listed = [conflict.as_document() for conflict in result.conflicts]
    await database[SCHEMA_MIGRATIONS].update_one(
        {"_id": migration.number},
        {
            "$set": {"checkpoint": result.last},
            "$inc": added,
            # A positive slice keeps the first ones.
            "$push": {"conflicts": {"$each": listed, "$slice": LISTED_CONFLICTS}},
        },
        session=session,
    )
