"""Migrations on a real store: up, down, races, conflicts, stops."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from docustore.config import Settings
from docustore.database import Database
from docustore.errors import MigrationChangedError, MigrationFencedError, MigrationStoppedError, StoreTooNewError
from docustore.migrations.batch import Slice, Spent, migrate_batch
from docustore.migrations.health import Health, Limits, read_health
from docustore.migrations.lease import LEASE_ID, migration_lease
from docustore.migrations.ledger import SCHEMA_MIGRATIONS, Conflict, Record, State, read_records
from docustore.migrations.migrate import (
    migrate_down,
    migrate_up,
    own_catalog,
    preview,
    record_baseline,
)
from docustore.migrations.migration import Direction, Migration, Phase, RawDocument, Step
from docustore.migrations.plan import Catalog
from docustore.migrations.precondition import require_known_store
from docustore.migrations.registry import MIGRATIONS
from docustore.migrations.runner import Progress, RunOptions
from tests.integration.migrations.conftest import DIGEST, foreign_user, old_user

BOOKKEEPING = ("version", "updated_by")
ALL_NUMBERS = tuple(migration.number for migration in MIGRATIONS)


async def users_of(database: Database, *, less: tuple[str, ...] = BOOKKEEPING) -> dict[Any, dict[str, Any]]:
    found = database["users"].find(projection=dict.fromkeys(less, 0) or None)
    return {user["_id"]: user async for user in found}


def by_number(records: list[Record]) -> dict[int, Record]:
    return {record.number: record for record in records}


def one_migration(transform: Any) -> Catalog:
    """A catalogue of one migration, for what the real ones do not do."""
    step = Step(pending={}, transform=transform)
    migration = Migration(
        number=1,
        name="test",
        phase=Phase.MIGRATE,
        summary="",
        reads=("tags",),
        writes=("tags",),
        up=step,
        down=step,
    )
    return Catalog(migrations=(migration,), checksums={1: "x"})


async def test_up_moves_every_user_and_down_brings_all_back(database: Database, options: RunOptions) -> None:
    await database["users"].insert_many(
        [old_user() for _ in range(25)] + [foreign_user(f"Person{n}@Example.ORG") for n in range(12)],
        bypass_document_validation=True,
    )
    # Ids of several types: a client wrote text before there was a validator.
    text_id = {**foreign_user("TEXT@example.org"), "_id": "text-id"}
    await database["users"].insert_one(text_id, bypass_document_validation=True)
    before = await users_of(database)

    done = by_number(await migrate_up(database, options))

    assert {number: record.state for number, record in done.items()} == dict.fromkeys(ALL_NUMBERS, State.APPLIED)
    assert (done[2].counts.changed, done[3].counts.changed) == (25, 13)
    assert await database["users"].count_documents({"identities.hash": f"2:{DIGEST}"}) == 25
    assert await database["users"].count_documents({"email": {"$regex": "[A-Z]"}}) == 0
    assert await database["users"].count_documents({"updated_by": "migration:0002", "schema_version": 2}) == 25
    assert await database["users"].count_documents({"updated_by": "migration:0003"}) == 13

    await migrate_down(database, options, to=0)

    assert await users_of(database) == before
    assert {r.state for r in (await read_records(database)).values()} == {State.REVERTED}


async def test_record_says_who_when_and_what(database: Database, options: RunOptions) -> None:
    await database["users"].insert_many([old_user() for _ in range(3)], bypass_document_validation=True)

    record = by_number(await migrate_up(database, options))[2]

    assert (record.by, record.checksum) == ("tests", own_catalog().checksums[2])
    assert record.started_at is not None
    assert record.finished_at is not None
    assert record.finished_at >= record.started_at
    assert record.duration_s > 0
    assert (record.counts.read, record.counts.changed, record.counts.conflicts) == (3, 3, 0)
    assert record.checkpoint is None


async def test_second_up_does_nothing(database: Database, options: RunOptions) -> None:
    await database["users"].insert_one(old_user(), bypass_document_validation=True)
    await migrate_up(database, options)
    before = await users_of(database, less=())

    assert await migrate_up(database, options) == []
    assert await users_of(database, less=()) == before


async def test_times_of_users_stay(database: Database, options: RunOptions) -> None:
    """An upstream system must not lose against a migration."""
    user = old_user()
    await database["users"].insert_one(user, bypass_document_validation=True)

    await migrate_up(database, options)

    [found] = (await users_of(database, less=())).values()
    assert (found["updated_at"], found["version"]) == (user["updated_at"], user["version"] + 1)
    assert [entry["key"] for entry in found["identities"]] == [user["identities"][0]["key"]]


async def test_dry_run_counts_and_changes_nothing(database: Database, options: RunOptions) -> None:
    await database["users"].insert_many(
        [*(old_user() for _ in range(3)), foreign_user("A@x.org"), foreign_user("a@x.org")],
        bypass_document_validation=True,
    )
    before = await users_of(database, less=())

    found = {one.migration.number: one.counts for one in await preview(database, Direction.UP)}

    assert (found[2].changed, found[3].changed, found[3].conflicts) == (3, 0, 1)
    assert await users_of(database, less=()) == before
    assert await database[SCHEMA_MIGRATIONS].count_documents({}) == 0


async def test_taken_address_is_a_conflict_and_both_users_stay(database: Database, options: RunOptions) -> None:
    holder, other = old_user(email="ada@x.org"), foreign_user("Ada@X.org")
    await database["users"].insert_many([holder, other], bypass_document_validation=True)

    record = by_number(await migrate_up(database, options))[3]

    assert record.state is State.APPLIED
    assert record.conflicts == (Conflict(id=other["_id"], code="email_taken", other=holder["_id"]),)
    assert (await users_of(database))[other["_id"]] == other


async def test_two_spellings_of_a_free_address_give_it_to_the_first(
    database: Database, options: RunOptions
) -> None:
    first, second = sorted((foreign_user("ADA@x.org"), foreign_user("Ada@X.org")), key=lambda user: user["_id"])
    await database["users"].insert_many([first, second], bypass_document_validation=True)

    record = by_number(await migrate_up(database, options))[3]

    found = await users_of(database)
    assert found[first["_id"]]["email"] == "ada@x.org"
    assert record.conflicts == (Conflict(id=second["_id"], code="email_taken", other=first["_id"]),)


async def test_deleted_user_may_share_the_address(database: Database, options: RunOptions) -> None:
    deleted = old_user(email="Ada@X.org", deleted_at=old_user()["created_at"])
    await database["users"].insert_many([old_user(email="ada@x.org"), deleted], bypass_document_validation=True)

    record = by_number(await migrate_up(database, options))[3]

    assert record.conflicts == ()
    assert (await users_of(database))[deleted["_id"]]["email"] == "ada@x.org"


async def test_resolved_conflict_is_migrated_by_the_next_up(database: Database, options: RunOptions) -> None:
    holder, other = old_user(email="ada@x.org"), foreign_user("Ada@X.org")
    await database["users"].insert_many([holder, other], bypass_document_validation=True)
    await migrate_up(database, options)
    await database["users"].update_one({"_id": holder["_id"]}, {"$set": {"email": "countess@x.org"}})

    [record] = await migrate_up(database, options)

    assert (record.number, record.counts.conflicts, record.conflicts) == (3, 0, ())
    assert (await users_of(database))[other["_id"]]["email"] == "ada@x.org"
    assert await migrate_up(database, options) == []


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


async def test_lag_stops_and_the_next_run_continues(database: Database, options: RunOptions) -> None:
    await database["users"].insert_many([old_user() for _ in range(5)], bypass_document_validation=True)

    async def slow_secondary(_database: Database) -> Health:
        return Health(lag_s=61, free_mb=None)

    with pytest.raises(MigrationStoppedError, match=r"2 stopped: a secondary is 61 s behind.*continues"):
        await migrate_up(database, replace(options, probe=slow_secondary))
    assert (await read_records(database))[2].state is State.APPLYING

    await migrate_up(database, options)
    assert await database["users"].count_documents({"identities.hash": DIGEST}) == 0


async def test_full_disk_stops(database: Database, options: RunOptions) -> None:
    """The free space is that of the real server."""
    free_mb = (await read_health(database)).free_mb
    assert free_mb is not None
    assert free_mb > 0
    limits = Limits(max_lag_s=60, min_free_mb=free_mb * 10)

    with pytest.raises(MigrationStoppedError, match="MB free, less than"):
        await migrate_up(database, replace(options, limits=limits))


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
