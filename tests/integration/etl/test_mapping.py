"""Mapped sources on the real store: records as people have them, and corrected mappings."""

import json
from pathlib import Path
from typing import Any

from docustore.cli.checks.finding import FindingStatus
from docustore.cli.checks.mappings import mapping_findings
from docustore.config import Settings
from docustore.database import Database
from docustore.etl.mapping_state import changed_mapping
from docustore.etl.models import RunState
from docustore.source_settings import SourceSettings
from tests.http_service import Answer, http_service
from tests.integration.etl.conftest import Run, file_source

MAP = {
    "id": "Nr.",
    "email": "Dienst-Mail",
    "full_name": "Name",
    "profile.location": "Ort",
    "status": {"from": "Status", "values": {"aktiv": "active", "ausgeschieden": "inactive"}},
    "modified_at": {"from": "Stand", "format": "%d.%m.%Y", "zone": "Europe/Berlin"},
}
TABLE = """\
Nr.;Name;Dienst-Mail;E-Mail;Ort;Status;Stand;Kennwort-Hash;Kostenstelle
7;Jane van der Doe;jane@firma.example;privat@x.example;Köln;aktiv;31.01.2026;x1;12
8;Müller, Jörg;joerg@firma.example;;Ulm;ausgeschieden;01.02.2026;x2;13
9;Ann Lee;nobody;;Ulm;aktiv;01.02.2026;hunter2;13
"""


async def users(database: Database) -> list[dict[str, Any]]:
    return [user async for user in database.users.find({}, sort=[("email", 1)])]


async def test_table_of_people_is_loaded(database: Database, run_source: Run, tmp_path: Path) -> None:
    path = tmp_path / "hr.csv"
    path.write_bytes(TABLE.replace("\n", "\r\n").encode("cp1252"))
    source = file_source(path, map=MAP)

    run = await run_source(source, name="hr")
    again = await run_source(source, name="hr")

    jane, joerg = await users(database)
    assert (run.state, run.counts.inserted, run.counts.quarantined) == (RunState.SUCCEEDED, 2, 1)
    assert (again.counts.unchanged, again.counts.quarantined) == (2, 1)
    assert (jane["first_name"], jane["last_name"], jane["profile"]["location"]) == ("Jane", "van der Doe", "Köln")
    assert (joerg["email"], joerg["first_name"], joerg["status"]) == ("joerg@firma.example", "Jörg", "inactive")
    assert [user["identities"][0]["key"] for user in (jane, joerg)] == ["hr:7", "hr:8"]


async def test_quarantine_names_the_key_and_masks_secrets(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    path = tmp_path / "hr.csv"
    path.write_text(TABLE.replace("Kennwort-Hash", "Passwort"))

    await run_source(file_source(path, map=MAP), name="hr")

    kept = await database.etl_quarantine.find_one({})
    assert kept is not None
    [error] = kept["errors"]
    assert kept["identity_key"] == "hr:9"
    assert (error["pointer"], error["detail"].endswith("(mapped from Dienst-Mail)")) == ("/email", True)
    assert (json.loads(kept["raw"])["Passwort"], json.loads(kept["raw"])["Nr."]) == ("***", "9")


async def test_corrected_mapping_corrects_the_users(database: Database, run_source: Run, tmp_path: Path) -> None:
    """Only the users that it changes are written."""
    path = tmp_path / "hr.csv"
    path.write_text(TABLE)
    wrong = {**MAP, "full_name": {"from": "Name", "order": "last first"}}
    await run_source(file_source(path, map=wrong), name="hr")
    before = await users(database)

    run = await run_source(file_source(path, map=MAP), name="hr")

    after = await users(database)
    assert (run.counts.updated, run.counts.unchanged) == (1, 1)
    assert [user["last_name"] for user in before] == ["Jane", "Müller"]
    assert [user["last_name"] for user in after] == ["van der Doe", "Müller"]
    assert after[1] == before[1]


async def test_wrong_condition_for_the_end_is_corrected(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    path = tmp_path / "hr.csv"
    path.write_text(TABLE)
    wrong = {**MAP, "deleted": {"from": "Status", "equals": "aktiv"}}
    await run_source(file_source(path, map=wrong), name="hr")
    assert [user["email"] for user in await users(database)] == ["joerg@firma.example"]

    right = {**MAP, "deleted": {"from": "Status", "equals": "ausgeschieden"}}
    await run_source(file_source(path, map=right), name="hr")
    again = await run_source(file_source(path, map=right), name="hr")

    assert [user["status"] for user in await users(database)] == ["active", "inactive"]
    assert again.counts.unchanged == 2


async def test_incremental_run_says_that_a_full_read_is_needed(
    database: Database, settings: Settings, run_source: Run
) -> None:
    answer = Answer({"users": [{"id": 1, "email": "a@x.org", "city": "Ulm"}], "next_cursor": None})
    async with http_service(lambda _: answer) as service:
        plain = SourceSettings(kind="http", url=service.url, required=("email",))
        mapped = SourceSettings(kind="http", url=service.url, required=("email",), map={"location": "city"})
        configured = settings.model_copy(update={"sources": {"crm": mapped}})

        assert await changed_mapping(database, "crm", mapped) is None
        await run_source(plain)
        assert await changed_mapping(database, "crm", plain) is None
        await run_source(mapped)
        [before] = await mapping_findings(configured)
        await run_source(mapped, full=True)
        [after] = await mapping_findings(configured)

    assert (before.status, before.next_step) == (FindingStatus.WARNING, "run `docustore etl run crm --full`")
    assert (after.status, after.next_step) == (FindingStatus.OK, "")
