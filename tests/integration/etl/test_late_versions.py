"""Versions that were not the newest of their user when they were stored."""

from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from docustore.database import Database
from docustore.etl import store as store_module
from docustore.etl.plan import Outcome
from tests.store_cases import record, store


async def late(database: Database) -> list[tuple[str, int, str | None]]:
    """List key, day and first name of the late versions; None stands for an end."""
    rows = await database.late_versions.find().sort("at", 1).to_list()
    return [(row["key"], row["at"].day, row["values"] and row["values"]["first_name"]) for row in rows]


async def test_version_after_a_newer_one_is_kept_and_changes_no_user(database: Database) -> None:
    await store(database, [record(1, 3, first_name="New")])
    before = await database.users.find_one()

    outcomes = await store(database, [record(1, 2, first_name="Old")])

    assert outcomes == [Outcome.STALE]
    assert await late(database) == [("crm:1", 2, "Old")]
    assert await database.users.find_one() == before
    row = await database.late_versions.find_one()
    assert before is not None
    assert row is not None
    assert (row["user_id"], row["source"], row["run_id"]) == (before["_id"], "etl:crm", "run")


async def test_versions_within_a_batch_are_kept(database: Database) -> None:
    await store(database, [record(1, 2, first_name="Two"), record(1, 4), record(1, 3, first_name="Three")])

    user = await database.users.find_one()

    assert await late(database) == [("crm:1", 2, "Two"), ("crm:1", 3, "Three")]
    assert user is not None
    assert await database.late_versions.distinct("user_id") == [user["_id"]]


async def test_older_record_of_the_same_person_is_kept(database: Database) -> None:
    await store(database, [record(1, 3)])

    await store(database, [record(2, 2, email="u1@example.org", first_name="Other")])

    assert await late(database) == [("crm:2", 2, "Other")]


async def test_ends_before_their_record_are_kept(database: Database) -> None:
    """Both ends came first; the version stands between them."""
    await store(database, [record(1, 2, deleted=True)])
    await store(database, [record(1, 4, deleted=True)])

    await store(database, [record(1, 3, first_name="Between")])

    assert await late(database) == [("crm:1", 2, None), ("crm:1", 3, "Between")]


async def test_newest_version_is_not_kept(database: Database) -> None:
    """The user shows it. A version of the same time that lost has no span."""
    await store(database, [record(1, 2), record(2, 2)])
    await store(database, [record(1, 3, status="inactive")])
    await store(database, [record(1, 3, status="active"), record(2, 4, deleted=True)])

    assert await late(database) == []


async def test_second_reading_writes_nothing(database: Database) -> None:
    batch = [record(1, 3), record(1, 2), record(2, 1, email="u1@example.org"), record(3, 1), record(3, 2)]
    await store(database, batch)
    before = await database.late_versions.find().sort("_id", 1).to_list()

    await store(database, batch)
    await store(database, batch[::-1])

    assert len(before) == 3
    assert await database.late_versions.find().sort("_id", 1).to_list() == before


async def test_dry_run_keeps_nothing(database: Database) -> None:
    await store(database, [record(1, 3), record(1, 2)], dry_run=True)

    assert await late(database) == []


async def test_batch_that_failed_halfway_keeps_its_late_versions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies before the users; then the user gets another id."""

    async def dies(*_: Any, **__: Any) -> None:
        raise AutoReconnect

    batch = [record(1, 3), record(1, 2, first_name="Old")]
    with monkeypatch.context() as patched:
        patched.setattr(store_module, "write_plan", dies)
        with pytest.raises(AutoReconnect):
            await store(database, batch)
    await store(database, batch, is_repeated=True)

    user = await database.users.find_one()
    assert user is not None
    assert await late(database) == [("crm:1", 2, "Old")]
    assert await database.late_versions.distinct("user_id") == [user["_id"]]


async def test_late_version_follows_its_identity_to_another_user(database: Database) -> None:
    await store(database, [record(1, 3), record(1, 2, first_name="Old"), record(2, 1, email="u1@example.org")])
    await store(database, [record(1, 4, email="moved@example.org")])

    await store(database, [record(1, 2, first_name="Old")])

    moved = await database.users.find_one({"email": "moved@example.org"})
    row = await database.late_versions.find_one({"key": "crm:1"})
    assert moved is not None
    assert row is not None
    assert (row["user_id"], row["number"]) == (moved["_id"], None)
