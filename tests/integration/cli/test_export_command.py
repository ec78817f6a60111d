"""`docustore export` and `docustore import` on the command line."""

import asyncio
import fcntl
import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from docustore.config import Settings
from docustore.database import Database
from tests.forks import plain_environment
from tests.integration.cli.docustore_command import addresses, run_docustore
from tests.integration.exports.conftest import fill


async def test_export_and_import_are_inverse(settings: Settings, database: Database, tmp_path: Path) -> None:
    await fill(database, users=9)
    servers = addresses(settings)
    first, second = tmp_path / "users.csv.gz", tmp_path / "again.csv.gz"

    exported = await run_docustore("export", "-o", str(first), "--json", **servers)
    await database.users.delete_many({})
    imported = await run_docustore("import", str(first), "--json", **servers)
    again = await run_docustore("export", "-o", str(second), **servers)

    assert (exported.exit_code, imported.exit_code, again.exit_code) == (0, 0, 0), imported.stderr
    assert exported.document["rows"] == imported.document["inserted"] == 9
    assert exported.document["sha256"] == hashlib.sha256(first.read_bytes()).hexdigest()
    assert second.read_bytes() == first.read_bytes()
    assert exported.document["sha256"] in again.stdout
    assert not [path for path in (first, second) if path.with_name(f"{path.name}.part").exists()]


async def test_filters_select_and_stdout_is_the_default(settings: Settings, database: Database) -> None:
    await fill(database, users=6)

    found = await run_docustore("export", "--filter", "status=suspended", **addresses(settings))

    assert [json.loads(line)["email"] for line in found.stdout.splitlines()] == [
        "user2@example.org",
        "user5@example.org",
    ]


async def test_rejects_are_written(settings: Settings, database: Database, tmp_path: Path) -> None:
    path, rejects = tmp_path / "users.csv", tmp_path / "rejects.ndjson"
    path.write_text("email,status\na@example.org,active\nb,gone\n")

    found = await run_docustore("import", str(path), "--rejects", str(rejects), **addresses(settings))

    assert found.exit_code == 1
    assert "1 rejected rows" in found.stdout
    assert [json.loads(line)["line"] for line in rejects.read_text().splitlines()] == [3]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--filter", "colour=red"], "is no filter"),
        (["--filter", "status=gone"], "is no status"),
        (["--filter", "created_at[gte]=soon"], "is not a time"),
        (["--filter", "role=a", "--filter", "role=b"], "given twice"),
        (["--json"], "name a file with -o"),
    ],
)
async def test_wrong_usage_is_2(arguments: list[str], words: str) -> None:
    found = await run_docustore("export", *arguments)

    assert (found.exit_code, words in found.stderr) == (2, True)


async def test_file_that_cannot_be_written_begins_no_export(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    servers = addresses(settings)

    folder = await run_docustore("export", "-o", str(tmp_path), **servers)
    nowhere = await run_docustore("export", "-o", str(tmp_path / "gone" / "users.csv"), **servers)

    assert f"{tmp_path} is a folder" in folder.stderr
    assert "No such file or directory" in nowhere.stderr
    assert (folder.exit_code, nowhere.exit_code) == (1, 1)
    assert await database["exports"].count_documents({}) == 0
    assert list(tmp_path.parent.glob("*.part")) == []


async def test_rejects_never_overwrite_the_file(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("email\na@example.org\n")

    refused = await run_docustore("import", str(path), "--rejects", str(path))

    assert (refused.exit_code, path.read_text()) == (2, "email\na@example.org\n")


async def test_full_export_is_private(settings: Settings, database: Database, tmp_path: Path) -> None:
    """Also over what a killed export of another kind has left."""
    await fill(database, users=1)
    path = tmp_path / "users.ndjson"
    left = tmp_path / "users.ndjson.part"
    left.write_text("left")
    left.chmod(0o644)

    found = await run_docustore("export", "--full", "-o", str(path), **addresses(settings))

    assert (found.exit_code, path.stat().st_mode & 0o777) == (0, 0o600)
    assert json.loads(path.read_text())["email"] == "user0@example.org"


async def test_full_disk_ends_an_export_with_a_record(settings: Settings, database: Database) -> None:
    users = [{"email": f"user{number}@example.org", "first_name": "x" * 90} for number in range(600)]
    await database["users"].insert_many(users)
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "docustore",
            "export",
            stdout=full,
            stderr=asyncio.subprocess.PIPE,
            env={**plain_environment(), **addresses(settings)},
        )
    finally:
        os.close(full)
    _, stderr = await process.communicate()

    [recorded] = await database["exports"].find({}).to_list()
    assert process.returncode == 1
    assert "is full" in stderr.decode()
    assert "Traceback" not in stderr.decode()
    assert recorded["state"] == "failed"


async def test_two_exports_never_write_one_file(tmp_path: Path) -> None:
    part = tmp_path / "users.csv.part"
    with part.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.write("the first one")
        stream.flush()

        refused = await run_docustore("export", "-o", str(tmp_path / "users.csv"))

    assert (refused.exit_code, part.read_text()) == (1, "the first one")
    assert "another export writes" in refused.stderr
