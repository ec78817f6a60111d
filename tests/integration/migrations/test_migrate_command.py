"""`docustore migrate` and the start of the processes, from outside."""

from pathlib import Path
from typing import Any

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.migrations.ledger import SCHEMA_MIGRATIONS
from docustore.users.stored import SCHEMA_VERSION
from tests.chaos.programs import program
from tests.integration.cli.docustore_command import Outcome, addresses, run_docustore
from tests.integration.migrations.conftest import DIGEST, foreign_user, old_user

NEWER = {"_id": 999, "name": "future", "state": "applied", "checksum": "x"}
PROCESSES = {
    "api": ("-m", "docustore.api.server"),
    "worker": ("-m", "arq", "workers.settings.WorkerSettings"),
    "listener": ("-m", "workers.listener"),
}


async def migrate(settings: Settings, *arguments: str) -> Outcome:
    return await run_docustore("migrate", *arguments, **addresses(settings))


ALL = list(range(1, SCHEMA_VERSION + 1))


def numbers(outcome: Outcome) -> list[int]:
    return [one["number"] for one in outcome.document["migrations"]]


async def test_status_is_drift_until_up(database: Database, settings: Settings) -> None:
    await database["users"].insert_one(old_user(), bypass_document_validation=True)

    before = await migrate(settings, "status", "--json")
    assert (before.exit_code, before.document["pending"]) == (2, ALL)
    up = await migrate(settings, "up", "--json")
    assert (up.exit_code, numbers(up)) == (0, ALL)
    after = await migrate(settings, "status", "--json")
    assert (after.exit_code, after.document["store"], after.document["up_to_date"]) == (0, SCHEMA_VERSION, True)
    assert after.document["migrations"][1]["record"]["counts"]["changed"] == 1


async def test_dry_run_changes_nothing(database: Database, settings: Settings) -> None:
    await database["users"].insert_one(old_user(), bypass_document_validation=True)

    up = await migrate(settings, "up", "--dry-run", "--json")

    assert up.exit_code == 0
    assert [one["would_change"] for one in up.document["migrations"]] == [0, 1, 0, 0, 0]
    assert await database["users"].count_documents({"identities.hash": DIGEST}) == 1


async def test_down_and_its_dry_run(database: Database, settings: Settings) -> None:
    await database["users"].insert_one(old_user(), bypass_document_validation=True)
    await migrate(settings, "up")

    preview = await migrate(settings, "down", "--to", "1", "--dry-run", "--json")
    assert [one["would_change"] for one in preview.document["migrations"]] == [0, 0, 0, 1]
    down = await migrate(settings, "down", "--to", "1", "--json")
    assert numbers(down) == ALL[:0:-1]
    assert await database["users"].count_documents({"identities.hash": DIGEST}) == 1


async def test_conflict_is_shown_with_the_lever(database: Database, settings: Settings) -> None:
    other = foreign_user("Ada@X.org")
    await database["users"].insert_many([old_user(email="ada@x.org"), other], bypass_document_validation=True)

    up = await migrate(settings, "up")

    assert up.exit_code == 0
    assert str(other["_id"]) in up.stdout
    assert "change or delete one of the two users" in " ".join(up.stdout.split())
    assert "Ada@X.org" not in up.stdout
    assert (await migrate(settings, "status")).exit_code == 2


async def test_baseline_records(database: Database, settings: Settings) -> None:
    outcome = await migrate(settings, "baseline", "--to", "2", "--json")

    assert (outcome.exit_code, numbers(outcome)) == (0, [1, 2])
    assert await database[SCHEMA_MIGRATIONS].count_documents({"state": "applied"}) == 2


@pytest.mark.parametrize("arguments", [("up", "--to", "9"), ("down", "--to", "9"), ("baseline", "--to", "9")])
async def test_unknown_number_is_one_sentence(
    database: Database, settings: Settings, arguments: tuple[str, ...]
) -> None:
    outcome = await migrate(settings, *arguments)

    assert outcome.exit_code == 1
    assert outcome.stderr.endswith(f"the numbers are 0 to {SCHEMA_VERSION}; see `docustore migrate status`\n")


async def test_status_of_a_newer_store_fails(database: Database, settings: Settings) -> None:
    await database[SCHEMA_MIGRATIONS].insert_one(NEWER)

    outcome = await migrate(settings, "status")

    assert outcome.exit_code == 1
    assert "the store has migration 999" in outcome.stderr


@pytest.mark.parametrize("name", PROCESSES)
async def test_process_refuses_a_newer_store(
    database: Database, settings: Settings, tmp_path: Path, name: str
) -> None:
    await database[SCHEMA_MIGRATIONS].insert_one(NEWER)

    log = tmp_path / "process.log"
    async with program(*PROCESSES[name], settings=settings, log=log, extra={"DOCUSTORE_PORT": "0"}) as process:
        code = await process.wait()

    assert code != 0
    assert f"the store has migration 999, this version knows migrations up to {SCHEMA_VERSION}" in process.output


async def test_load_refuses_a_newer_store(database: Database, settings: Settings, tmp_path: Path) -> None:
    await database[SCHEMA_MIGRATIONS].insert_one(NEWER)
    path = tmp_path / "users.ndjson"
    path.write_text("")

    outcome = await run_docustore("etl", "run", str(path), **addresses(settings))

    assert outcome.exit_code == 1
    assert "the store has migration 999" in outcome.stderr


async def doctor(settings: Settings) -> dict[str, Any]:
    outcome = await run_docustore("doctor", "--json", **addresses(settings))
    return next(one for one in outcome.document["findings"] if one["check"] == "migrations")


async def test_doctor_shows_what_is_pending(database: Database, settings: Settings) -> None:
    finding = await doctor(settings)

    assert (finding["status"], finding["next_step"]) == ("failed", "run `docustore migrate up`")
    await migrate(settings, "up")
    assert (await doctor(settings))["status"] == "ok"
    await database[SCHEMA_MIGRATIONS].insert_one(NEWER)
    assert "start the newer version" in (await doctor(settings))["next_step"]
