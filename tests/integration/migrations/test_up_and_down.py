"""Migrations up and down: what they store, and what they leave."""

from typing import Any

from structlog.testing import capture_logs

from docustore.database import Database
from docustore.migrations.ledger import SCHEMA_MIGRATIONS, Conflict, State, read_records
from docustore.migrations.migrate import (
    migrate_down,
    migrate_up,
    own_catalog,
    preview,
)
from docustore.migrations.migration import Direction
from docustore.migrations.runner import RunOptions
from tests.integration.migrations.conftest import (
    ALL_NUMBERS,
    DIGEST,
    by_number,
    foreign_user,
    old_user,
    users_of,
)


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


async def test_empty_store_gets_one_line_of_log(database: Database, options: RunOptions) -> None:
    with capture_logs() as logged:
        await migrate_up(database, options)

    assert shown(logged) == [
        {"event": "migrations.applied", "migrations": len(ALL_NUMBERS), "changed": 0, "conflicts": 0}
    ]


async def test_migration_that_changes_users_is_named_in_the_log(database: Database, options: RunOptions) -> None:
    """Before it begins, too: it may take hours."""
    await database["users"].insert_many([old_user() for _ in range(3)], bypass_document_validation=True)

    with capture_logs() as logged:
        await migrate_up(database, options)

    logged = [entry for entry in logged if entry.get("migration") in {None, 2}]
    begun = {"migration": 2, "direction": "up", "pending": 3, "is_continued": False}
    ended = {"migration": 2, "state": "applied", "changed": 3, "conflicts": 0}
    assert shown(logged) == [
        {"event": "migrations.pass_started", **begun},
        {"event": "migrations.finished", **ended},
        {"event": "migrations.applied", "migrations": len(ALL_NUMBERS), "changed": 3, "conflicts": 0},
    ]


def shown(logged: list[Any]) -> list[dict[str, Any]]:
    """Return what the default level shows."""
    return [
        {name: value for name, value in entry.items() if name != "log_level"}
        for entry in logged
        if entry["log_level"] != "debug"
    ]
