"""Sources run by hand, as a person and as a script do it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.etl import ledger
from docustore.etl.models import EtlRun, RunOptions, RunState, RunTrigger
from docustore.etl.schedule import create_run
from docustore.source_options.kind import SourceKind
from tests.integration.cli.docustore_command import addresses, run_docustore
from tests.integration.etl.conftest import user, write_ndjson
from tests.upstreams.start import upstream_of


async def test_file_is_loaded_and_again_unchanged(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "users.ndjson", [user(1), user(2, last_name="")])

    first = await run_docustore("etl", "run", str(path), "--required", "email", "--json", **addresses(settings))
    again = await run_docustore(
        "etl", "run", path.as_uri(), "--required", "email", "--json", **addresses(settings)
    )
    listed = await run_docustore("etl", "runs", "--json", **addresses(settings))

    assert (first.exit_code, first.document["counts"]["inserted"]) == (0, 2)
    assert (again.exit_code, again.document["counts"]["unchanged"]) == (0, 2)
    assert [run["id"] for run in listed.document] == [again.document["id"], first.document["id"]]
    assert await database.users.count_documents({}) == 2


async def test_configured_source_runs_by_its_name(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "users.ndjson", [user(1)])
    sources = json.dumps({"crm": {"kind": "file", "url": str(path)}})

    outcome = await run_docustore("etl", "run", "crm", "--json", DOCUSTORE_SOURCES=sources, **addresses(settings))

    assert (outcome.exit_code, outcome.document["source"]) == (0, "crm")
    stored = await database.users.find_one({})
    assert stored is not None
    assert stored["identities"][0]["key"] == "crm:1"


async def test_two_files_are_two_sources(settings: Settings, database: Database, tmp_path: Path) -> None:
    """Id 77 of one file is another person than id 77 of the other."""
    for folder, email in (("a", "ada@example.org"), ("b", "bob@example.org")):
        (tmp_path / folder).mkdir()
        write_ndjson(tmp_path / folder / "people.ndjson", [user(77, email=email)])
    one, same_name = (str(tmp_path / folder / "people.ndjson") for folder in ("a", "b"))

    first = await run_docustore("etl", "run", one, "--json", **addresses(settings))
    refused = await run_docustore("etl", "run", same_name, "--json", **addresses(settings))
    named = await run_docustore("etl", "run", same_name, "--as", "others", "--json", **addresses(settings))
    again = await run_docustore("etl", "run", one, "--json", **addresses(settings))

    assert (first.document["source"], again.document["counts"]["unchanged"]) == ("people", 1)
    assert refused.exit_code == 1
    assert f"stands for {one}" in refused.stderr
    assert (named.exit_code, named.document["source"]) == (0, "others")
    assert await database.users.count_documents({}) == 2
    assert await database.etl_runs.count_documents({}) == 3


async def test_mistyped_address_does_not_take_the_name(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    del database
    path = write_ndjson(tmp_path / "people.ndjson", [user(1)])

    missing = await run_docustore("etl", "run", str(tmp_path / "no" / "people.ndjson"), **addresses(settings))
    found = await run_docustore("etl", "run", str(path), **addresses(settings))

    assert (missing.exit_code, found.exit_code) == (1, 0)


async def test_name_of_a_configured_source_is_not_taken(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = write_ndjson(tmp_path / "crm.ndjson", [user(1)])
    sources = json.dumps({"crm": {"kind": "http", "url": "http://127.0.0.1:1/users"}})
    environment = {"DOCUSTORE_SOURCES": sources, **addresses(settings)}

    refused = await run_docustore("etl", "run", str(path), **environment)
    insisted = await run_docustore("etl", "run", str(path), "--as", "crm", **environment)

    assert (refused.exit_code, insisted.exit_code) == (1, 0)
    assert "the name crm stands for http://127.0.0.1:1/users" in refused.stderr
    assert await database.users.count_documents({}) == 1


async def test_failed_run_exits_1_with_its_record(settings: Settings, database: Database, tmp_path: Path) -> None:
    del database
    path = tmp_path / "page.ndjson"
    path.write_text("<html>502 Bad Gateway</html>")

    outcome = await run_docustore("etl", "run", str(path), "--json", **addresses(settings))

    assert (outcome.exit_code, outcome.document["state"]) == (1, "failed")
    assert "HTML" in outcome.document["error"]
    run_id = outcome.document["id"]
    followed = await run_docustore("etl", "show", run_id, "--follow", "--json", **addresses(settings))
    assert (followed.exit_code, followed.document["state"]) == (0, "failed")


async def test_window_that_ends_before_it_starts_is_wrong_usage(settings: Settings, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "users.ndjson", [user(1)])
    window = ("--since", "2026-02-01", "--until", "2026-01-01")

    outcome = await run_docustore("etl", "run", str(path), *window, **addresses(settings))

    assert (outcome.exit_code, "ends before it starts" in outcome.stderr) == (2, True)


async def test_people_read_tables(settings: Settings, database: Database, tmp_path: Path) -> None:
    del database
    path = write_ndjson(tmp_path / "users.ndjson", [user(1), user(2, email="nobody")])

    outcome = await run_docustore("etl", "run", str(path), **addresses(settings))

    assert "users: succeeded" in outcome.stdout
    assert "Source name: users" in outcome.stderr
    assert "/email email_malformed" in outcome.stdout


async def test_unknown_source_names_what_is_known(settings: Settings) -> None:
    outcome = await run_docustore("etl", "run", "crm", **addresses(settings))

    assert outcome.exit_code == 1
    assert (
        outcome.stderr == "Error: sources.crm: not configured (configured: none); or give a path or an address\n"
    )


async def test_database_without_indexes_is_refused(settings: Settings, tmp_path: Path) -> None:
    """Without the unique indexes a user could be stored twice."""
    path = write_ndjson(tmp_path / "users.ndjson", [user(1)])

    outcome = await run_docustore("etl", "run", str(path), **addresses(settings))

    assert outcome.exit_code == 1
    assert "docustore indexes apply" in outcome.stderr


async def test_busy_source_leaves_no_run_behind(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "users.ndjson", [user(1)])
    busy = await create_run("users", trigger=RunTrigger.API, options=RunOptions(), now=datetime.now(UTC))
    await ledger.claim(database, str(busy.id), owner="somebody", lease_s=60)

    outcome = await run_docustore("etl", "run", str(path), **addresses(settings))

    assert outcome.exit_code == 1
    assert f"is being read by run {busy.id}" in outcome.stderr
    assert await EtlRun.find(EtlRun.state == RunState.DUE).count() == 0


async def test_paused_source_is_listed_with_its_reason(settings: Settings, database: Database) -> None:
    sources = json.dumps({"crm": {"kind": "http", "url": "http://127.0.0.1:1/users", "schedule": "every 15m"}})
    environment = {"DOCUSTORE_SOURCES": sources, **addresses(settings)}

    paused = await run_docustore("etl", "pause", "crm", "--reason", "move", "--json", **environment)
    listed = await run_docustore("etl", "sources", **environment)
    resumed = await run_docustore("etl", "resume", "crm", "--json", **environment)
    unknown = await run_docustore("etl", "pause", "shop", **environment)

    assert paused.document["pause"]["reason"] == "move"
    assert paused.document["pause"]["by"].startswith("cli:")
    assert "every 15m" in listed.stdout
    assert ": move" in listed.stdout
    assert resumed.document["pause"] is None
    assert (unknown.exit_code, "configured: crm" in unknown.stderr) == (1, True)
    assert await database.audit_log.count_documents({}) == 2


@pytest.mark.parametrize("kind", SourceKind)
async def test_address_of_any_kind_is_loaded(
    settings: Settings, database: Database, tmp_path: Path, kind: SourceKind
) -> None:
    async with upstream_of(kind, tmp_path, mongodb_url=settings.mongodb_url or "") as upstream:
        await upstream.put([user(1), user(2)])
        url = upstream.settings().url
        address = f"{url}#people" if kind is SourceKind.SQL else url
        loaded = await run_docustore("etl", "run", address, "--json", **addresses(settings))

    assert (loaded.exit_code, loaded.document["counts"]["inserted"]) == (0, 2), loaded.document["error"]
    [known] = await database.etl_sources.find().to_list()
    password = urlsplit(url).password
    assert known["addresses"]
    assert password is None or password not in json.dumps(known["addresses"])
