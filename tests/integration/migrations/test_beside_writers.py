"""Migrations beside writers, other runners and interruptions."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from pymongo import MongoClient

from docustore.config import Settings
from docustore.database import Database
from docustore.errors import MigrationFencedError
from docustore.migrations.batch import Slice, Spent, migrate_batch
from docustore.migrations.health import Health
from docustore.migrations.lease import LEASE_ID, migration_lease
from docustore.migrations.ledger import SCHEMA_MIGRATIONS, State, read_records
from docustore.migrations.migrate import (
    migrate_down,
    migrate_up,
    own_catalog,
)
from docustore.migrations.migration import Direction, RawDocument
from docustore.migrations.runner import Progress, RunOptions
from tests.integration.migrations.conftest import (
    ALL_NUMBERS,
    DIGEST,
    by_number,
    old_user,
    one_migration,
    users_of,
)


async def test_write_that_comes_between_wins_and_is_migrated(
    database: Database, settings: Settings, options: RunOptions
) -> None:
    user = old_user(tags=["a"])
    await database["users"].insert_one(user, bypass_document_validation=True)
    seen: list[list[str]] = []
    with MongoClient[dict[str, Any]](settings.mongodb_url) as other:

        def transform(document: RawDocument) -> RawDocument | None:
            if not seen:
                # The batch is read and not yet written: another client writes now.
                change = {"$set": {"tags": ["b"]}, "$inc": {"version": 1}}
                other[database.name]["users"].update_one({"_id": user["_id"]}, change)
            seen.append(document["tags"])
            return (
                None if "migrated" in document["tags"] else {**document, "tags": [*document["tags"], "migrated"]}
            )

        [record] = await migrate_up(database, options, catalog=one_migration(transform))

    [found] = (await users_of(database, less=())).values()
    assert (found["tags"], found["version"]) == (["b", "migrated"], 3)
    assert seen[:2] == [["a"], ["b"]]
    assert (record.counts.changed, record.counts.lost_races) == (1, 1)


async def test_writers_and_migration_lose_nothing(database: Database, options: RunOptions) -> None:
    """Every write of a client and every migration is in the user at the end."""
    users = [old_user(tags=[]) for _ in range(40)]
    await database["users"].insert_many(users, bypass_document_validation=True)
    is_done = asyncio.Event()
    writes: dict[Any, int] = {user["_id"]: 0 for user in users}

    async def write() -> None:
        while not is_done.is_set():
            for key in writes:
                await database["users"].update_one({"_id": key}, {"$push": {"tags": "w"}, "$inc": {"version": 1}})
                writes[key] += 1

    writer = asyncio.create_task(write())
    try:
        done = by_number(await migrate_up(database, replace(options, batch_size=40)))
    finally:
        is_done.set()
        await writer

    assert done[2].counts.changed == 40
    for user in (await users_of(database, less=())).values():
        assert user["identities"][0]["hash"] == f"2:{DIGEST}"
        assert user["tags"] == ["w"] * writes[user["_id"]]
        assert user["version"] == 1 + writes[user["_id"]] + 1


async def test_old_writer_behind_the_checkpoint_is_migrated_in_the_next_pass(
    database: Database, options: RunOptions
) -> None:
    users = sorted((old_user() for _ in range(30)), key=lambda user: user["_id"])
    await database["users"].insert_many(users, bypass_document_validation=True)
    written: list[Any] = []

    def write_old_shape(progress: Progress) -> None:
        if progress.migration.number == 2 and not written:
            written.append(users[0]["_id"])
            late.append(
                asyncio.ensure_future(
                    database["users"].update_one(
                        {"_id": users[0]["_id"]}, {"$set": {"identities.0.hash": "1" * 24}, "$inc": {"version": 1}}
                    )
                )
            )

    late: list[asyncio.Future[Any]] = []

    async def settled(_database: Database) -> Health:
        await asyncio.gather(*late)
        return Health(lag_s=None, free_mb=None)

    done = by_number(await migrate_up(database, replace(options, report=write_old_shape, probe=settled)))

    await asyncio.gather(*late)
    found = (await users_of(database))[users[0]["_id"]]
    assert found["identities"][0]["hash"] == f"2:{'1' * 24}"
    assert done[2].counts.changed == 31


async def test_interrupted_run_continues_at_its_checkpoint(database: Database, options: RunOptions) -> None:
    await database["users"].insert_many([old_user() for _ in range(30)], bypass_document_validation=True)

    def stop(progress: Progress) -> None:
        if progress.migration.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await migrate_up(database, replace(options, report=stop))
    interrupted = (await read_records(database))[2]
    assert (interrupted.state, interrupted.counts.changed) == (State.APPLYING, 10)
    assert interrupted.checkpoint is not None

    done = by_number(await migrate_up(database, options))[2]

    assert (done.state, done.starts, done.counts.read, done.counts.changed) == (State.APPLIED, 2, 30, 30)
    assert await database["users"].count_documents({"version": 2}) == 30


async def test_interrupted_up_can_be_reverted(database: Database, options: RunOptions) -> None:
    await database["users"].insert_many([old_user() for _ in range(30)], bypass_document_validation=True)
    before = await users_of(database)

    def stop(progress: Progress) -> None:
        if progress.migration.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await migrate_up(database, replace(options, report=stop))
    await migrate_down(database, options, to=0)

    assert await users_of(database) == before


async def test_fenced_runner_writes_nothing_more(database: Database) -> None:
    await database["users"].insert_one(old_user(), bypass_document_validation=True)
    migration = own_catalog().migrations[1]
    async with migration_lease(database) as lease:
        # As after a pause that was longer than the lease: another runner has the next fence.
        await database[SCHEMA_MIGRATIONS].update_one({"_id": LEASE_ID}, {"$inc": {"fence": 1}})
        part = Slice(after=None, limit=10, refused={})
        with pytest.raises(MigrationFencedError):
            await migrate_batch(lease, migration, Direction.UP, part, spent=Spent(since=0))

    assert await database["users"].count_documents({"identities.hash": DIGEST}) == 1


async def test_two_runners_do_the_work_once(database: Database, options: RunOptions) -> None:
    await database["users"].insert_many([old_user() for _ in range(50)], bypass_document_validation=True)

    both = await asyncio.gather(*(migrate_up(database, options) for _ in range(2)))

    assert sorted(len(records) for records in both) == [0, len(ALL_NUMBERS)]
    assert await database["users"].count_documents({"version": 2}) == 50
