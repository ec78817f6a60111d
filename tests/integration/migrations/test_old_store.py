"""A store that an older version wrote: its shape, up, the same files again, down."""

from pathlib import Path
from typing import Any

import pytest

from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.etl.models import EtlRun, RunOptions, RunTrigger
from docustore.etl.run import RunEnvironment, execute_run
from docustore.etl.schedule import create_run
from docustore.migrations.ledger import read_records
from docustore.migrations.migrate import migrate_down, migrate_up
from docustore.migrations.runner import RunOptions as MigrationOptions
from docustore.source_settings import SourceSettings
from tests.integration.migrations.conftest import LIMITS
from tests.integration.migrations.old_store import USERS, old_files, restore

# What a migration changes besides the shape; versions never fall.
BOOKKEEPING = {"version": 0, "updated_by": 0, "cause": 0}


@pytest.fixture
def options() -> MigrationOptions:
    return MigrationOptions(by="tests", limits=LIMITS)


@pytest.fixture
async def old_store(database: Database) -> Database:
    await restore(database)
    return database


async def contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    names = ("etl_quarantine", "etl_runs", "etl_sources", "etl_tombstones", "user_history", "user_stats")
    found = {name: await database[name].find().sort("_id", 1).to_list() for name in names}
    return {**found, "users": await database["users"].find({}, BOOKKEEPING).sort("_id", 1).to_list()}


async def load(database: Database, settings: Settings, name: str, path: Path) -> EtlRun:
    environment = RunEnvironment(database=database, settings=settings, owner="test")
    run = await create_run(name, trigger=RunTrigger.CLI, options=RunOptions(full=True), now=now_utc())
    return await execute_run(
        str(run.id), SourceSettings(kind="file", url=str(path), required=("email",)), environment
    )


async def test_old_store_has_what_the_migrations_move(old_store: Database) -> None:
    users = old_store["users"]

    assert await users.count_documents({}) == USERS
    assert await users.count_documents({"identities.hash": {"$regex": "^2:"}}) == 0
    assert await users.count_documents({"identities.1": {"$exists": True}}) > 200
    assert await users.count_documents({"identities.deleted_at": {"$exists": True}}) > 0
    assert await users.count_documents({"identities": {"$exists": False}}) == 42


async def test_down_gives_the_store_from_before(old_store: Database, options: MigrationOptions) -> None:
    before = await contents(old_store)

    await migrate_up(old_store, options)
    assert (await contents(old_store))["users"] != before["users"]
    await migrate_down(old_store, options, to=0)

    assert await contents(old_store) == before


@pytest.mark.parametrize("order", [("crm", "hr"), ("hr", "crm")])
async def test_the_same_files_again_write_nothing(
    old_store: Database, settings: Settings, options: MigrationOptions, tmp_path: Path, order: tuple[str, ...]
) -> None:
    await migrate_up(old_store, options)
    before = await old_store["users"].find().sort("_id", 1).to_list()
    files = old_files(tmp_path)

    runs = [await load(old_store, settings, name, files[name]) for name in order]

    assert [(run.counts.inserted, run.counts.updated, run.counts.deactivated) for run in runs] == [(0, 0, 0)] * 2
    assert all(run.counts.is_balanced for run in runs)
    assert await old_store["users"].find().sort("_id", 1).to_list() == before


async def test_counts_and_conflicts_are_those_of_the_store(old_store: Database, options: MigrationOptions) -> None:
    upstream = await old_store["users"].count_documents({"identities.hash": {"$regex": "^[0-9a-f]{24}$"}})

    await migrate_up(old_store, options)

    records = await read_records(old_store)
    assert records[2].counts.changed == upstream
    assert records[3].counts.changed == 40
    assert sorted(conflict.code for conflict in records[3].conflicts) == ["email_malformed", "email_taken"]
    assert await old_store["users"].count_documents({}) == USERS
