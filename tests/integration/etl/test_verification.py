"""Runs that read back what they wrote."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from docustore.database import Database
from docustore.etl.guards.verification import verify_sample
from docustore.etl.models import Counts, RunState
from docustore.etl.run import RunEnvironment
from docustore.etl.transform import UserRecord
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson
from tests.store_cases import record, store

DAMAGE = {"first_name": "Other", "profile.preferences.theme": "dark"}


async def differences(database: Database, *records: UserRecord) -> dict[str, list[str]]:
    found = await verify_sample(database, "crm", records)
    assert found.sampled == len(records)
    return {each.identity: each.fields for each in found.differences}


async def test_run_reads_back_what_it_wrote(run_source: Run, tmp_path: Path) -> None:
    records = [user(1), user(2, email="user1@example.org"), user(3, roles=["a"], createdAt="2020-01-01T00:00:00Z")]
    path = write_ndjson(tmp_path / "a.ndjson", [*records, user(4, email="bad")])
    first = await run_source(file_source(path))
    again = await run_source(file_source(path))
    later = {"modified_at": "2026-02-01T00:00:00Z"}
    write_ndjson(path, [user(1, email="user3@example.org", **later), {"id": 2, "deleted": True, **later}])

    moved = await run_source(file_source(path))

    assert first.verification is not None
    assert moved.verification is not None
    assert (first.verification.sampled, first.verification.differences) == (3, [])
    assert (moved.state, moved.verification.sampled) == (RunState.SUCCEEDED, 2)
    assert again.verification is None


async def test_sample_of_size_0_is_off(run_source: Run, tmp_path: Path, environment: RunEnvironment) -> None:
    off = replace(environment, settings=environment.settings.model_copy(update={"etl_verify_sample": 0}))

    run = await run_source(file_source(write_ndjson(tmp_path / "a.ndjson", [user(1)])), with_=off)

    assert (run.state, run.verification) == (RunState.SUCCEEDED, None)


async def test_damaged_user_fails_the_run(
    database: Database, run_source: Run, tmp_path: Path, environment: RunEnvironment
) -> None:
    """Another program damages what was written, between the write and the check."""
    url = environment.settings.mongodb_url

    def damage(_: Counts) -> None:
        with MongoClient(url) as client:  # type: MongoClient[dict[str, Any]]
            client[database.name].users.update_one({}, {"$set": DAMAGE})

    path = write_ndjson(tmp_path / "a.ndjson", [user(1)])
    run = await run_source(file_source(path), with_=replace(environment, on_progress=damage))

    stored = await database.users.find_one({})
    assert stored is not None
    assert run.verification is not None
    [difference] = run.verification.differences
    assert (run.state, run.watermark.after) == (RunState.FAILED, None)
    assert difference.fields == ["first_name", "profile.preferences.theme"]
    assert str(stored["_id"]) in (run.error or "")


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"$set": DAMAGE}, ["first_name", "profile.preferences.theme"]),
        ({"$set": {"identities.0.hash": "2:0"}}, ["identities.hash"]),
        ({"$set": {"status": "suspended"}}, ["status"]),
        ({"$set": {"email": "other@example.org"}}, ["email"]),
        ({"$set": {**DAMAGE, "updated_by": "another client"}}, []),
        ({"$set": {"identities.0.modified_at": datetime(2026, 1, 9, tzinfo=UTC)}}, []),
    ],
    ids=["fields", "digest", "status", "email", "written by another", "newer"],
)
async def test_difference_names_its_fields(database: Database, change: dict[str, Any], fields: list[str]) -> None:
    await store(database, [record(1)])
    await database.users.update_one({}, change)

    assert await differences(database, record(1)) == ({"crm:1": fields} if fields else {})


async def test_lost_user_and_lost_end_are_differences(database: Database) -> None:
    await store(database, [record(1), record(2)])
    await database.users.delete_one({"email": "u1@example.org"})

    found = await differences(database, record(1), record(2, 5, deleted=True))

    assert found == {"crm:1": ["identities"], "crm:2": ["status"]}


async def test_versions_that_others_replaced_are_no_difference(database: Database) -> None:
    suspended = record(1, 2, status="suspended")
    await store(database, [record(1), record(1, 2), suspended, record(2, 3), record(2, 4, deleted=True)])

    assert await differences(database, record(1), record(1, 2), suspended, record(2, 3)) == {}


async def test_local_role_is_no_difference(database: Database) -> None:
    await store(database, [record(1, roles=["a", "owner"])])
    await database.users.update_one({}, {"$set": {"local_roles": ["owner", "x"], "roles": ["a", "owner", "x"]}})

    assert await differences(database, record(1, roles=["a", "owner"])) == {}


async def test_time_of_insertion_is_no_difference(database: Database) -> None:
    """The record has no registration time; its identity took over that of the user when another one joined."""
    await store(database, [record(1)])
    await store(database, [record(2, email="u1@example.org")])

    assert await differences(database, record(1)) == {}
