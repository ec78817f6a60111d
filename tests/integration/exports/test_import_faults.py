"""Imports of damaged files, and an import that is killed."""

import asyncio
import gzip
import os
import signal
import sys
from pathlib import Path

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.errors import SourceContentError
from tests.integration.cli.docustore_command import addresses
from tests.integration.exports.conftest import Imported
from tests.waiting import until


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("cut.ndjson.gz", gzip.compress(b'{"email": "a@example.org"}\n' * 20, mtime=0)[:-9], "cut short"),
        ("cut.parquet", b"PAR1 and then nothing", "cut short"),
        ("other.parquet", b"email\na@example.org\n", "does not start like"),
        ("people.csv", b"Mail,Shoe size\na@example.org,42\n", "unknown columns: Mail, Shoe size"),
        ("broken.json", b'[{"email": "a@example.org"},', "broken"),
        ("utf16.csv", "email\nä@example.org\n".encode("utf-16"), "UTF-8"),
    ],
)
async def test_damaged_file_is_refused(
    database: Database, imported: Imported, tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(SourceContentError, match=problem):
        await imported(path)


@pytest.mark.parametrize(
    ("is_dry_run", "said"),
    [
        (False, "2,000 rows before it were read and stored, as far as they are valid. Get the whole file"),
        (True, "2,000 rows before it were checked."),
    ],
)
async def test_file_cut_short_tells_what_was_imported(
    database: Database, imported: Imported, tmp_path: Path, is_dry_run: bool, said: str
) -> None:
    """Who reads only "cut short" does not know that the store has changed."""
    path = tmp_path / "cut.ndjson.gz"
    lines = "".join(f'{{"email": "user{number}@example.org"}}\n' for number in range(2_500))
    path.write_bytes(gzip.compress(lines.encode(), mtime=0)[:-9])

    with pytest.raises(SourceContentError, match=said):
        await imported(path, is_dry_run=is_dry_run, batch_rows=1000)

    assert await database.users.count_documents({}) == (0 if is_dry_run else 2_000)


async def test_killed_import_is_repeated(
    settings: Settings, database: Database, imported: Imported, tmp_path: Path
) -> None:
    """SIGKILL in the middle; the second import does the rest."""
    path = tmp_path / "users.ndjson"
    users = 4_000
    path.write_text("".join(f'{{"email": "user{number}@example.org"}}\n' for number in range(users)))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "docustore", "import", str(path), "--json"),
        env=os.environ | addresses(settings),
        stdout=asyncio.subprocess.DEVNULL,
    )

    async def has_begun() -> bool:
        return await database.users.count_documents({}, limit=1) == 1

    await until(has_begun, what="the first batch")
    process.send_signal(signal.SIGKILL)
    await process.wait()
    report = (await imported(path, batch_rows=1000)).counts()

    assert report["read"] == users == report["inserted"] + report["unchanged"]
    assert report["unchanged"] > 0
    assert await database.users.count_documents({}) == users
