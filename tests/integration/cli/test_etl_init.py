"""From an export as people have it to loaded users: init, preview, run."""

from pathlib import Path

from docustore.config import Settings
from docustore.database import Database
from tests.http_service import Answer, http_service
from tests.integration.cli.docustore_command import Outcome, addresses, run_docustore

HEADER = (
    "Personal-Nr.;Name;E-Mail dienstlich;E-Mail privat;Standort;Status;Eintritt;Geändert am;Rollen;Kostenstelle"
)
ROWS = (
    "1001;Müller, Jörg;joerg@firma.example;x@y.org;Köln;aktiv;01.04.2019;31.01.2026 14:05;Admin/Lohn;12",
    "1002;Jane van der Doe;jane@firma.example;;Ulm;ausgeschieden;15.09.2020;28.02.2026 09:00;;13",
    "1003;Ann Lee;ann(at)firma.example;;Ulm;aktiv;15.09.2020;28.02.2026 09:00;Lohn;13",
    '1004;"Özdemir, Can";can@firma.example;;Köln;aktiv;01.01.2021;29.03.2026 02:30;;12;zu viel',
    "1005;Zoë Smith;zoe@firma.example;;;aktiv;01.01.2021;;;",
)


async def test_export_loads_in_three_commands(settings: Settings, database: Database, tmp_path: Path) -> None:
    """Every good row is loaded; the two bad ones are quarantined."""
    path = tmp_path / "Mitarbeiter.csv"
    path.write_bytes("\r\n".join([HEADER, *ROWS, ""]).encode("cp1252"))
    config = tmp_path / "docustore.toml"
    config.write_text('log_level = "warning"')

    async def docustore(*arguments: str) -> Outcome:
        return await run_docustore(*arguments, DOCUSTORE_CONFIG=str(config), **addresses(settings))

    proposed = await docustore("etl", "init", str(path), "--zone", "Europe/Berlin", "--write")
    previewed = await docustore("etl", "preview", "mitarbeiter", "--json")
    run = await docustore("etl", "run", "mitarbeiter", "--json")
    again = await docustore("etl", "init", str(path))

    assert (proposed.exit_code, previewed.exit_code, run.exit_code) == (0, 0, 0), run.stdout + run.stderr
    assert config.read_text().startswith('log_level = "warning"\n\n# Proposed from 4 records.')
    assert "# Left out: E-Mail privat, Kostenstelle" in proposed.stdout
    errors = [[error["code"] for error in record["errors"]] for record in previewed.document["records"]]
    assert errors == [[], [], ["email_malformed"], ["field_count"], []]
    assert (run.document["counts"]["inserted"], run.document["counts"]["quarantined"]) == (3, 2)
    joerg = await database.users.find_one({"email": "joerg@firma.example"})
    assert joerg is not None
    assert (joerg["first_name"], joerg["last_name"], joerg["roles"]) == ("Jörg", "Müller", ["Admin", "Lohn"])
    assert joerg["identities"][0]["modified_at"].isoformat() == "2026-01-31T13:05:00+00:00"
    assert await database.users.count_documents({"status": "inactive"}) == 1
    assert again.exit_code == 1
    assert "sources.mitarbeiter: is configured already" in again.stderr


async def test_service_is_read_by_its_address() -> None:
    users = [{"nr": n, "contact": {"mail": f"u{n}@x.org"}, "displayName": f"Ada May{n}"} for n in (1, 2)]
    async with http_service(lambda _: Answer({"users": users, "next_cursor": None})) as service:
        proposed = await run_docustore("etl", "init", service.url, "--as", "crm", "--json")
        previewed = await run_docustore("etl", "preview", service.url, "--json")

    assert proposed.document["settings"] == {
        "kind": "http",
        "url": service.url,
        "required": ["email", "first_name", "last_name"],
        "map": {"id": "nr", "email": "contact.mail", "full_name": "displayName"},
    }
    assert [record["unread"] for record in previewed.document["records"]] == [["nr", "contact", "displayName"]] * 2


async def test_records_of_a_service_with_other_names_are_found() -> None:
    """The proposal says that the way to further pages is not known."""
    users = [{"nr": n, "mail": f"u{n}@x.org"} for n in (1, 2)]
    async with http_service(lambda _: Answer({"data": {"items": users, "pages": 3}})) as service:
        proposed = await run_docustore("etl", "init", service.url, "--as", "crm")
        previewed = await run_docustore("etl", "preview", service.url)

    assert proposed.exit_code == 0, proposed.stderr
    assert 'records_key = "data.items"' in proposed.stdout
    assert "set `paging`" in proposed.stdout
    assert previewed.exit_code == 1
    assert 'its records seem to be at "data.items": set records_key' in previewed.stderr


async def test_password_of_an_address_is_not_proposed() -> None:
    users = [{"id": n, "email": f"u{n}@x.org"} for n in (1, 2)]
    async with http_service(lambda _: Answer({"users": users, "next_cursor": None})) as service:
        address = service.url.replace("://", "://reader:secret@")
        proposed = await run_docustore("etl", "init", address, "--as", "crm")

    assert proposed.exit_code == 0, proposed.stderr
    assert 'url = "env:CRM_URL"' in proposed.stdout
    assert "the environment variable CRM_URL" in proposed.stderr
    assert "secret" not in proposed.stdout + proposed.stderr


async def test_file_that_cannot_be_extended_stays(tmp_path: Path) -> None:
    path = tmp_path / "people.ndjson"
    path.write_text('{"nr": 1, "mail": "a@x.org"}\n')
    config = tmp_path / "docustore.toml"
    config.write_text("sources = {}\n")

    outcome = await run_docustore("etl", "init", str(path), "--write", DOCUSTORE_CONFIG=str(config))

    assert (outcome.exit_code, config.read_text()) == (1, "sources = {}\n")
    assert "add the printed table by hand" in outcome.stderr


async def test_unknown_zone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.ndjson"
    path.write_text('{"nr": 1, "mail": "a@x.org"}\n')

    outcome = await run_docustore("etl", "init", str(path), "--zone", "Berlin")

    assert (outcome.exit_code, "name such as Europe/Amsterdam" in outcome.stderr) == (1, True)
