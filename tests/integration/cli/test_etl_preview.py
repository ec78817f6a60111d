"""`docustore etl preview`, for people and for scripts."""

import json
from pathlib import Path

from docustore.config import Settings
from docustore.database import Database
from tests.integration.cli.docustore_command import addresses, run_docustore


async def test_records_are_shown_and_nothing_is_written(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "hr.csv"
    path.write_text("Nr;Mail;Abteilung\n1;a@x.org;A\n2;nobody;B\n")
    hr = {"kind": "file", "url": str(path), "required": ["email"], "map": {"id": "Nr", "email": "Mail"}}
    environment = {"DOCUSTORE_SOURCES": json.dumps({"hr": hr}), **addresses(settings)}

    shown = await run_docustore("etl", "preview", "hr", **environment)
    document = await run_docustore("etl", "preview", "hr", "--limit", "1", "--json", **environment)

    assert shown.exit_code == 0
    assert "Record 1: hr:1" in shown.stdout
    assert "/email email_malformed" in shown.stdout
    assert "Abteilung" in shown.stdout
    assert "2 records, 1 would be quarantined" in shown.stdout
    [record] = document.document["records"]
    assert (record["key"], record["mapped"]["email"], record["unread"]) == ("hr:1", "a@x.org", ["Abteilung"])
    assert await database.etl_runs.count_documents({}) == 0
    assert await database.users.count_documents({}) == 0


async def test_preview_needs_no_server(tmp_path: Path) -> None:
    path = tmp_path / "people.ndjson"
    path.write_text('{"id": 1, "email": "a@x.org"}\n')

    outcome = await run_docustore(
        "etl", "preview", str(path), "--required", "email", "--json", DOCUSTORE_MONGODB_URL="mongodb://127.0.0.1:1"
    )

    assert (outcome.exit_code, outcome.document["source"]) == (0, "people")
