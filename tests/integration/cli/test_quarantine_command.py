"""The quarantine on the command line."""

import json
from pathlib import Path

from docustore.config import Settings
from docustore.database import Database
from tests.integration.cli.docustore_command import addresses, run_docustore
from tests.integration.etl.conftest import user, write_ndjson


async def test_quarantine_can_be_emptied(settings: Settings, database: Database, tmp_path: Path) -> None:
    """List, replay and export, as after a bad import; each command takes seconds to start."""
    path = write_ndjson(tmp_path / "people.ndjson", [user(1, last_name=""), user(2, email="nobody"), user(3)])
    servers = addresses(settings)
    await run_docustore("etl", "run", str(path), **servers)

    listed = await run_docustore("quarantine", "list", "--code", "missing", "--json", **servers)
    replayed = await run_docustore("quarantine", "replay", "--all", "--required", "email", "--json", **servers)
    exported = await run_docustore("quarantine", "export", "--source", "people", **servers)

    assert [entry["identity_key"] for entry in listed.document["items"]] == ["people:1"]
    assert (replayed.exit_code, replayed.document["loaded"], replayed.document["rejected"]) == (1, 1, 1)
    assert [json.loads(line)["identity_key"] for line in exported.stdout.splitlines()] == ["people:2"]
    assert await database.audit_log.distinct("action") == ["quarantine.export", "quarantine.replay"]
