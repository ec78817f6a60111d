"""What stops a migration, and what refuses a store."""

import asyncio
from dataclasses import replace

import pytest
from bson import ObjectId

from docustore.database import Database
from docustore.errors import MigrationChangedError, MigrationStoppedError, StoreTooNewError
from docustore.migrations.health import Health, Limits, read_health
from docustore.migrations.ledger import SCHEMA_MIGRATIONS, Conflict, State, read_records
from docustore.migrations.migrate import (
    migrate_down,
    migrate_up,
    record_baseline,
)
from docustore.migrations.migration import RawDocument
from docustore.migrations.precondition import require_known_store
from docustore.migrations.runner import Progress, RunOptions
from tests.integration.migrations.conftest import (
    ALL_NUMBERS,
    DIGEST,
    by_number,
    foreign_user,
    old_user,
    one_migration,
    users_of,
)


async def test_lag_stops_and_the_next_run_continues(database: Database, options: RunOptions) -> None:
    await database["users"].insert_many([old_user() for _ in range(5)], bypass_document_validation=True)

    async def slow_secondary(_database: Database) -> Health:
        return Health(lag_s=61, free_mb=None)

    with pytest.raises(MigrationStoppedError, match=r"2 stopped: a secondary is 61 s behind.*continues"):
        await migrate_up(database, replace(options, probe=slow_secondary))
    assert (await read_records(database))[2].state is State.APPLYING

    await migrate_up(database, options)
    assert await database["users"].count_documents({"identities.hash": DIGEST}) == 0


async def more_than_free(database: Database) -> Limits:
    free_mb = (await read_health(database)).free_mb
    assert free_mb is not None
    assert free_mb > 0
    return Limits(max_lag_s=60, min_free_mb=free_mb * 10)


async def test_full_disk_stops(database: Database, options: RunOptions) -> None:
    """The free space is that of the real server."""
    await database["users"].insert_one(old_user(), bypass_document_validation=True)

    with pytest.raises(MigrationStoppedError, match="MB free, less than"):
        await migrate_up(database, replace(options, limits=await more_than_free(database)))


async def test_store_without_old_users_needs_no_free_disk(database: Database, options: RunOptions) -> None:
    """A new store starts on a small disk."""
    done = await migrate_up(database, replace(options, limits=await more_than_free(database)))

    assert {record.state for record in done} == {State.APPLIED}


async def test_lag_of_a_set_with_one_member_is_zero(database: Database) -> None:
    assert (await read_health(database)).lag_s == 0


async def test_newer_store_is_refused(database: Database, options: RunOptions) -> None:
    await require_known_store(database)
    await database[SCHEMA_MIGRATIONS].insert_one(
        {"_id": 999, "name": "future", "state": "applied", "checksum": "x"}
    )

    for refused in (
        require_known_store(database),
        migrate_up(database, options),
        migrate_down(database, options, to=0),
        record_baseline(database, by="tests"),
    ):
        with pytest.raises(StoreTooNewError, match=r"migration 999.*start the newer version"):
            await refused


async def test_pending_migrations_are_no_reason_to_refuse(database: Database, options: RunOptions) -> None:
    await migrate_up(database, options, to=1)

    await require_known_store(database)


async def test_changed_module_is_refused_until_it_is_recorded(database: Database, options: RunOptions) -> None:
    await migrate_up(database, options)
    await database[SCHEMA_MIGRATIONS].update_one({"_id": 2}, {"$set": {"checksum": "other"}})

    with pytest.raises(MigrationChangedError, match="baseline --to 2"):
        await migrate_up(database, options)
    await record_baseline(database, by="tests", to=2)

    assert await migrate_up(database, options) == []
    assert (await read_records(database))[2].counts.read == 0


async def test_baseline_runs_nothing(database: Database, options: RunOptions) -> None:
    await database["users"].insert_one(old_user(), bypass_document_validation=True)

    recorded = await record_baseline(database, by="tests")

    assert [(r.number, r.state, r.by) for r in recorded] == [(n, State.APPLIED, "tests") for n in ALL_NUMBERS]
    assert await migrate_up(database, options) == []
    assert await database["users"].count_documents({"version": 1}) == 1


async def test_user_that_the_validator_refuses_is_a_conflict(database: Database, options: RunOptions) -> None:
    """One such user must not stop the others."""
    users = sorted((old_user(tags=["x"]) for _ in range(20)), key=lambda user: user["_id"])
    await database["users"].insert_many(users, bypass_document_validation=True)
    bad = users[7]["_id"]

    def transform(document: RawDocument) -> RawDocument | None:
        if document["tags"] != ["x"]:
            return None
        return {**document, "tags": 5 if document["_id"] == bad else ["y"]}

    [record] = await migrate_up(database, options, catalog=one_migration(transform))

    assert record.conflicts == (Conflict(id=bad, code="refused_by_validator"),)
    assert await database["users"].count_documents({"tags": "y"}) == 19
    assert (await users_of(database))[bad]["tags"] == ["x"]


async def test_throttle_bounds_the_rate(database: Database, options: RunOptions) -> None:
    await database["users"].insert_many([old_user() for _ in range(30)], bypass_document_validation=True)
    loop = asyncio.get_running_loop()
    reads: list[tuple[float, int]] = []

    def note(progress: Progress) -> None:
        if progress.migration.number == 2:
            reads.append((loop.time(), progress.read))

    await migrate_up(database, replace(options, max_per_s=30, report=note))

    first, last = reads[0], max(reads, key=lambda one: one[1])
    # 30 documents in batches of 10: the last batch comes 20 documents after the first one.
    assert last[1] == 30
    assert last[0] - first[0] >= 0.5


async def test_ids_of_conflicts_are_listed_without_values(database: Database, options: RunOptions) -> None:
    user = {**foreign_user("Ada at example.org"), "_id": ObjectId()}
    await database["users"].insert_one(user, bypass_document_validation=True)

    record = by_number(await migrate_up(database, options))[3]

    assert record.conflicts == (Conflict(id=user["_id"], code="email_malformed"),)
    assert "Ada" not in str(await database[SCHEMA_MIGRATIONS].find_one({"_id": 3}))
