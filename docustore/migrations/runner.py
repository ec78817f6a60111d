"""Run one migration: passes over the users, in batches with a checkpoint.

The first pass moves the users. Further passes find what old processes wrote meanwhile, until a pass changes
nothing. A runner that is killed leaves its record in progress; the next one continues at the checkpoint.
"""

import asyncio
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from pymongo.errors import PyMongoError

from docustore.clock import now_utc
from docustore.database import Database
from docustore.errors import MigrationStoppedError
from docustore.migrations.batch import (
    BatchResult,
    RefusedDocumentError,
    Slice,
    Spent,
    migrate_batch,
    preview_batch,
)
from docustore.migrations.health import Limits, Probe, problem_of, read_health
from docustore.migrations.lease import LEASE_MS, MigrationLease
from docustore.migrations.ledger import DONE, IN_PROGRESS, SCHEMA_MIGRATIONS, Counts, Record, record_of
from docustore.migrations.migration import Direction, Migration
from docustore.migrations.pace import Pace
from docustore.transient import is_transient
from docustore.users.stored import USERS

BATCH_SIZE: Final = 500
MAX_PASSES: Final = 3
HEALTH_EVERY_S: Final = 1.0
# Longer than an election.
GIVE_UP_AFTER_S: Final = 60.0
# A refusal may be a lost race against another writer; a document that is refused this often is a conflict.
REFUSALS_BEFORE_CONFLICT: Final = 3
_LONGEST_PAUSE_S: Final = 0.25

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a pass is; `total` is the number of users that it found pending."""

    migration: Migration
    direction: Direction
    read: int
    total: int


def no_report(_progress: Progress) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run; `by` is stored, `max_per_s` None is unlimited."""

    by: str
    limits: Limits
    max_per_s: float | None = None
    batch_size: int = BATCH_SIZE
    probe: Probe = read_health
    report: Callable[[Progress], None] = no_report


async def run_migration(
    lease: MigrationLease,
    migration: Migration,
    direction: Direction,
    options: RunOptions,
    *,
    checksum: str,
    only: Collection[Any] | None = None,
) -> Record:
    """Run or continue one migration; return its record.

    Args:
        only: Ids of documents to look at again; None = all.

    Raises:
        MigrationStoppedError: A secondary is behind, or the disk is nearly full.
        MigrationFencedError: Another runner has taken over.
        PyMongoError: A non-retryable failure, or no progress for a minute. The next run continues.
    """
    run = _Run(lease=lease, migration=migration, direction=direction, options=options, only=only)
    record = await run.begin(checksum)
    if migration.step(direction) is not None:
        await run.passes(record)
    return await run.finish()


async def preview_migration(database: Database, migration: Migration, direction: Direction) -> Counts:
    """Count what a migration would do now, and change nothing."""
    counts = Counts()
    after: Any = None
    while migration.step(direction) is not None:
        part = Slice(after=after, limit=BATCH_SIZE, refused={})
        result = await preview_batch(database, migration, direction, part)
        counts = Counts(
            read=counts.read + result.read,
            changed=counts.changed + result.changed,
            conflicts=counts.conflicts + len(result.conflicts),
        )
        if result.is_last:
            break
        after = result.last
    return counts


@dataclass(slots=True, kw_only=True)
class _Run:
    lease: MigrationLease
    migration: Migration
    direction: Direction
    options: RunOptions
    only: Collection[Any] | None
    refusals: dict[Any, int] = field(default_factory=dict)
    refused: dict[Any, str] = field(default_factory=dict)
    health_checked_at: float = 0.0

    @property
    def database(self) -> Database:
        return self.lease.database

    async def begin(self, checksum: str) -> Record:
        """Continue the record, or start a new pass."""
        row = await self.database[SCHEMA_MIGRATIONS].find_one({"_id": self.migration.number})
        found = None if row is None else record_of(row)
        is_continued = (
            found is not None and found.state is IN_PROGRESS[self.direction] and found.checksum == checksum
        )
        values: dict[str, Any] = {
            "name": self.migration.name,
            "phase": self.migration.phase.value,
            "state": IN_PROGRESS[self.direction].value,
            "checksum": checksum,
            "by": self.options.by,
        }
        if not is_continued:
            values |= {"started_at": now_utc(), "finished_at": None, **_NEW_PASS, "passes": 1}
        if not is_continued and (found is None or found.direction is not self.direction):
            values |= {"counts": {"read": 0, "changed": 0, "conflicts": 0, "lost_races": 0}, "duration_s": 0.0}
        else:
            values |= {} if is_continued else {"counts.conflicts": 0}
        await self._set(values, starts=1)
        return await self._record()

    async def passes(self, record: Record) -> None:
        while True:
            await self._one_pass(record.checkpoint)
            record = await self._record()
            if record.changed_in_pass == 0 or record.passes >= MAX_PASSES or self.only is not None:
                return
            await self._set({**_NEW_PASS, "counts.conflicts": 0, "passes": record.passes + 1})
            record = await self._record()

    async def finish(self) -> Record:
        await self._set({"state": DONE[self.direction].value, "finished_at": now_utc(), "checkpoint": None})
        record = await self._record()
        has_news = record.counts.changed or record.counts.conflicts
        (log.info if has_news else log.debug)(
            "migrations.finished",
            migration=record.number,
            state=record.state.value,
            changed=record.counts.changed,
            conflicts=record.counts.conflicts,
        )
        return record

    async def _one_pass(self, after: Any) -> None:
        step = self.migration.step(self.direction)
        total = await self.database[USERS].count_documents(dict(step.pending) if step else {})
        (log.info if total else log.debug)(
            "migrations.pass_started",
            migration=self.migration.number,
            direction=self.direction.value,
            pending=total,
            is_continued=after is not None,
        )
        pace = Pace(max_per_s=self.options.max_per_s, started_at=time.monotonic())
        size = self.options.batch_size
        worked_at = moved_at = time.monotonic()
        lost = 0
        while True:
            if total:
                await self._check_health()
            part = Slice(after=after, limit=pace.limit(size), refused=self.refused, only=self.only)
            spent = Spent(since=worked_at, lost_races=lost)
            result = await self._attempt(part, spent)
            if result is None:
                if time.monotonic() - moved_at > GIVE_UP_AFTER_S:
                    raise MigrationStoppedError(number=self.migration.number, problem=_NO_PROGRESS)
                lost += 1
                # Fewer documents meet fewer writers.
                size = max(1, size // 2)
                # Random, so that writers that lost one race do not meet again in the next one.
                await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311  # not a secret
                # The commit may have succeeded without an answer.
                after = (await self._record()).checkpoint
                continue
            worked_at = moved_at = time.monotonic()
            after, lost, size = result.last, 0, min(self.options.batch_size, 2 * size)
            pace.documents += result.read
            self.options.report(
                Progress(migration=self.migration, direction=self.direction, read=pace.documents, total=total)
            )
            if result.is_last:
                return
            await self._wait(pace)

    async def _attempt(self, part: Slice, spent: Spent) -> BatchResult | None:
        """Migrate a batch; None if it has to be repeated."""
        try:
            return await migrate_batch(self.lease, self.migration, self.direction, part, spent=spent)
        except RefusedDocumentError as exc:
            self.refusals[exc.document_id] = self.refusals.get(exc.document_id, 0) + 1
            if self.refusals[exc.document_id] >= REFUSALS_BEFORE_CONFLICT:
                self.refused[exc.document_id] = exc.code
        except PyMongoError as exc:
            if not is_transient(exc):
                raise
        return None

    async def _wait(self, pace: Pace) -> None:
        while (pause_s := pace.pause_s(now=time.monotonic())) > 0:
            await asyncio.sleep(min(pause_s, LEASE_MS / 3000))
            await self.lease.renew()

    async def _check_health(self) -> None:
        now = time.monotonic()
        if now - self.health_checked_at < HEALTH_EVERY_S:
            return
        self.health_checked_at = now
        problem = problem_of(await self.options.probe(self.database), self.options.limits)
        if problem is not None:
            raise MigrationStoppedError(number=self.migration.number, problem=problem)

    async def _record(self) -> Record:
        row = await self.database[SCHEMA_MIGRATIONS].find_one({"_id": self.migration.number})
        return record_of(row or {})

    async def _set(self, values: dict[str, Any], *, starts: int = 0) -> None:
        """Change the record in a transaction with the fence."""
        async with await self.lease.session.start_transaction():
            await self.lease.renew(self.lease.session)
            await self.database[SCHEMA_MIGRATIONS].update_one(
                {"_id": self.migration.number},
                {"$set": values, "$inc": {"starts": starts}},
                upsert=True,
                session=self.lease.session,
            )


_NEW_PASS: Final[dict[str, Any]] = {"checkpoint": None, "changed_in_pass": 0, "conflicts": []}
_NO_PROGRESS: Final = f"no batch could be written for {GIVE_UP_AFTER_S:g} s: check the server"
