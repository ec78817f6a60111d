"""The commands on migrations: apply, revert, record, and their dry runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from docustore.clock import now_utc
from docustore.database import Database
from docustore.migrations.lease import MigrationLease, migration_lease
from docustore.migrations.ledger import SCHEMA_MIGRATIONS, Counts, Record, State, read_records
from docustore.migrations.migration import Direction, Migration
from docustore.migrations.plan import Catalog, baseline, conflicting, pending, require_known, to_revert
from docustore.migrations.registry import MIGRATIONS, checksums
from docustore.migrations.runner import RunOptions, preview_migration, run_migration

log = structlog.get_logger()


def own_catalog() -> Catalog:
    """Return the migrations of this version."""
    return Catalog(migrations=MIGRATIONS, checksums=checksums())


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What one migration would do now."""

    migration: Migration
    direction: Direction
    counts: Counts


async def migrate_up(
    database: Database, options: RunOptions, *, to: int | None = None, catalog: Catalog | None = None
) -> list[Record]:
    """Apply the pending migrations in order; return the records of those that ran.

    Users that were conflicts of applied migrations are looked at again. Idempotent. Waits while another runner
    works.

    Raises:
        MigrationError, StoreTooNewError: See `docustore.migrations.plan` and `run_migration`.
    """
    catalog = catalog or own_catalog()
    records = await read_records(database)
    if not pending(catalog, records, to=to) and not conflicting(catalog, records, to=to):
        return []
    async with migration_lease(database) as lease:
        # Read again: another runner may have done everything while this one waited.
        records = await read_records(database)
        todo = pending(catalog, records, to=to)
        again = conflicting(catalog, records, to=to)
        done = [await _run(lease, migration, Direction.UP, options, catalog) for migration in todo]
        done += [await _run_again(lease, records[m.number], m, options, catalog) for m in again]
    if done:
        log.info("migrations.applied", **_totals(done))
    return done


async def migrate_down(
    database: Database, options: RunOptions, *, to: int, catalog: Catalog | None = None
) -> list[Record]:
    """Revert the migrations after a number, newest first; return their records.

    Raises:
        MigrationError, StoreTooNewError: See `docustore.migrations.plan` and `run_migration`.
    """
    catalog = catalog or own_catalog()
    to_revert(catalog, await read_records(database), to=to)
    async with migration_lease(database) as lease:
        todo = to_revert(catalog, await read_records(database), to=to)
        done = [await _run(lease, migration, Direction.DOWN, options, catalog) for migration in todo]
    if done:
        log.info("migrations.reverted", **_totals(done))
    return done


async def record_baseline(
    database: Database, *, by: str, to: int | None = None, catalog: Catalog | None = None
) -> list[Record]:
    """Record migrations as applied without running them.

    For a store that has their shape already, or after a change of a module that moves no document differently.

    Raises:
        StoreTooNewError: A newer version has migrated the store.
        MigrationUnknownError: There is no migration `to`.
    """
    catalog = catalog or own_catalog()
    recorded = baseline(catalog, to=to)
    async with migration_lease(database) as lease:
        require_known(await read_records(database), newest=catalog.newest)
        async with await lease.session.start_transaction():
            await lease.renew(lease.session)
            for migration in recorded:
                await _record_applied(lease, migration, by=by, checksum=catalog.checksums[migration.number])
    records = await read_records(database)
    return [records[migration.number] for migration in recorded]


async def preview(
    database: Database, direction: Direction, *, to: int | None = None, catalog: Catalog | None = None
) -> list[Preview]:
    """Tell what `migrate_up` or `migrate_down` would do, and change nothing.

    Each migration is counted on the users as they are now, without the effects of those before it.
    """
    catalog = catalog or own_catalog()
    records = await read_records(database)
    todo: Sequence[Migration] = (
        pending(catalog, records, to=to) if direction is Direction.UP else to_revert(catalog, records, to=to or 0)
    )
    return [
        Preview(migration=m, direction=direction, counts=await preview_migration(database, m, direction))
        for m in todo
    ]


def _totals(done: Sequence[Record]) -> dict[str, int]:
    return {
        "migrations": len(done),
        "changed": sum(record.counts.changed for record in done),
        "conflicts": sum(record.counts.conflicts for record in done),
    }


async def _run(
    lease: MigrationLease, migration: Migration, direction: Direction, options: RunOptions, catalog: Catalog
) -> Record:
    checksum = catalog.checksums[migration.number]
    return await run_migration(lease, migration, direction, options, checksum=checksum)


async def _run_again(
    lease: MigrationLease, record: Record, migration: Migration, options: RunOptions, catalog: Catalog
) -> Record:
    listed = [conflict.id for conflict in record.conflicts]
    # Conflicts beyond the list are found by a full pass.
    only = listed if len(listed) == record.counts.conflicts else None
    checksum = catalog.checksums[migration.number]
    return await run_migration(lease, migration, Direction.UP, options, checksum=checksum, only=only)


_NOTHING: Final = {"read": 0, "changed": 0, "conflicts": 0, "lost_races": 0}


async def _record_applied(lease: MigrationLease, migration: Migration, *, by: str, checksum: str) -> None:
    now = now_utc()
    fresh = {"by": by, "started_at": now, "duration_s": 0.0, "starts": 0, "counts": _NOTHING, "conflicts": []}
    await lease.database[SCHEMA_MIGRATIONS].update_one(
        {"_id": migration.number},
        {
            "$set": {
                "name": migration.name,
                "phase": migration.phase.value,
                "state": State.APPLIED.value,
                "checksum": checksum,
                "finished_at": now,
                "checkpoint": None,
            },
            "$setOnInsert": fresh,
        },
        upsert=True,
        session=lease.session,
    )
