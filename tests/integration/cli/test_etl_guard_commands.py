"""Commands of held runs, as a person and as a script use them."""

import json
from pathlib import Path

from docustore.config import Settings
from docustore.database import Database
from tests.integration.cli.docustore_command import addresses, run_docustore
from tests.integration.etl.conftest import user, write_ndjson

LATER = {"modified_at": "2026-02-01T00:00:00Z"}


async def test_held_run_is_approved_by_its_source(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "users.ndjson", [user(n) for n in range(20)])
    sources = json.dumps({"crm": {"kind": "file", "url": str(path)}})
    environment = {"DOCUSTORE_SOURCES": sources, **addresses(settings)}
    await run_docustore("etl", "run", "crm", **environment)
    write_ndjson(path, [user(n, status="disabled", **LATER) for n in range(20)])

    held = await run_docustore("etl", "run", "crm", **environment)
    before = await database.users.count_documents({"status": "inactive"})
    queued = await run_docustore("etl", "runs", "--json", **environment)
    approved = await run_docustore("etl", "run", "crm", "--approve", "--json", **environment)
    nothing = await run_docustore("etl", "approve", queued.document[0]["id"], **environment)

    assert (held.exit_code, before, approved.exit_code) == (1, 0, 0)
    assert "20 deactivated (limit 10)" in held.stdout.replace("\n", " ")
    assert approved.document["counts"]["updated"] == 20
    assert approved.document["approval"]["by"].startswith("cli:")
    assert (nothing.exit_code, "has made its change" in nothing.stderr) == (1, True)


async def test_window_is_read_again_and_the_watermark_stays(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = write_ndjson(tmp_path / "users.ndjson", [user(1), user(2, **LATER)])
    sources = json.dumps({"crm": {"kind": "file", "url": str(path)}})
    environment = {"DOCUSTORE_SOURCES": sources, **addresses(settings)}
    window = ("--since", "2026-01-01", "--until", "2026-01-15")

    dry = await run_docustore("etl", "backfill", "crm", *window, "--dry-run", **environment)
    run = await run_docustore("etl", "backfill", "crm", *window, "--json", **environment)
    moved = await run_docustore("etl", "watermark", "crm", "--set", "2026-01-20", "--json", **environment)
    preview = await run_docustore("etl", "run", "crm", "--dry-run", "--json", **environment)

    assert (dry.exit_code, "user1@example.org" in dry.stdout) == (0, True)
    assert (run.document["counts"]["inserted"], run.document["watermark"]["after"]) == (1, None)
    assert moved.document == {"source": "crm", "watermark": "2026-01-20T00:00:00Z"}
    assert preview.document["diff"]["users"] == {"inserted": 1}
    assert await database.users.count_documents({}) == 1


async def test_comparison_finds_and_repairs_a_lost_user(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = write_ndjson(tmp_path / "users.ndjson", [user(1), user(2)])
    sources = json.dumps({"crm": {"kind": "file", "url": str(path)}})
    environment = {"DOCUSTORE_SOURCES": sources, **addresses(settings)}
    await run_docustore("etl", "run", "crm", **environment)
    await database.users.delete_one({"email": "user2@example.org"})

    found = await run_docustore("etl", "reconcile", "crm", **environment)
    repaired = await run_docustore("etl", "reconcile", "crm", "--repair", "--json", **environment)
    equal = await run_docustore("etl", "reconcile", "crm", "--json", **environment)

    assert (found.exit_code, "crm:2" in found.stdout) == (2, True)
    assert (repaired.exit_code, repaired.document["run"]["counts"]["inserted"]) == (0, 1)
    assert (repaired.document["is_equal"], repaired.document["after"]["is_equal"]) == (False, True)
    assert (equal.exit_code, equal.document["findings"]) == (0, {"same": 2})
