"""The commands for files are killed: readers still see whole files."""

import asyncio
import hashlib
import json
import os
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.warehouse.duckdb_views import VIEWS
from docustore.warehouse.manifest import MANIFEST
from tests.chaos.programs import program
from tests.chaos.scale import SEED, scaled
from tests.integration.cli.docustore_command import addresses, run_docustore
from tests.integration.exports.conftest import export_to, fill
from tests.integration.warehouse.reference import random_history
from tests.waiting import until

pytestmark = [pytest.mark.chaos]
KILLS = int(scaled(bounded=3, full=40))
CHANGES = int(scaled(bounded=360, full=6000))
# One file of each table per day: a run has many moments at which it can be killed.
CHANGES_PER_DAY = 12
USERS = 60
IMPORTED = int(scaled(bounded=2400, full=20_000))


class Warehouse:
    """A folder, as a reader sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.looks = 0

    def manifest(self) -> dict[str, Any]:
        path = self.folder / MANIFEST
        found: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {"last_seq": 0, "tables": {}}
        return found

    def look(self) -> dict[str, Any]:
        """Check that the files of the manifest are whole and hold each change once."""
        manifest = self.manifest()
        for name, table in manifest["tables"].items():
            seqs: list[int] = []
            for file in table["files"]:
                stored = (self.folder / file["path"]).read_bytes()
                assert hashlib.sha256(stored).hexdigest() == file["sha256"], file["path"]
                seqs += pq.read_table(self.folder / file["path"], columns=["seq"])["seq"].to_pylist()
            assert sorted(seqs) == list(range(1, manifest["last_seq"] + 1)), name
        self.looks += 1
        return manifest

    def files(self) -> set[str]:
        """Every file of the folder except the manifest and the lock."""
        found = (path for path in self.folder.rglob("*") if not path.is_dir())
        return {path.relative_to(self.folder).as_posix() for path in found} - {MANIFEST, VIEWS, ".lock"}

    def listed(self) -> set[str]:
        return {file["path"] for table in self.manifest()["tables"].values() for file in table["files"]}


class Writer:
    """History that grows, as the listener makes it grow."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = random_history(SEED, changes=CHANGES)
        for number, row in enumerate(self._rows):
            row["valid_from"] += timedelta(days=number // CHANGES_PER_DAY)
        self._begin = 0

    async def add(self, count: int) -> None:
        rows = self._rows[self._begin : self._begin + count]
        self._begin += len(rows)
        if rows:
            await self._database.user_history.insert_many(rows)
            seq = {"$set": {"seq": rows[-1]["_id"]}}
            await self._database.change_positions.update_one({"_id": "users"}, seq, upsert=True)


async def test_killed_warehouse_export_is_continued(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    """Kills at random moments under writes leave whole files to the readers."""
    chance, writer, warehouse = random.Random(SEED), Writer(database), Warehouse(tmp_path / "warehouse")
    await writer.add(CHANGES // 3)

    for _ in range(KILLS):
        before = warehouse.files()
        more = chance.randrange(1, 2 * CHANGES // CHANGES_PER_DAY // 4)

        async def has_more(before: set[str] = before, more: int = more) -> bool:
            await writer.add(2)
            warehouse.look()
            return len(warehouse.files() - before) >= more

        await killed_when(has_more, warehouse, settings, tmp_path / "log")
        warehouse.look()
    await writer.add(CHANGES)
    done = await export(warehouse, settings)

    assert done["last_seq"] == CHANGES
    assert warehouse.look()["last_seq"] == CHANGES
    assert warehouse.files() == warehouse.listed()


async def test_kill_between_files_and_manifest(database: Database, settings: Settings, tmp_path: Path) -> None:
    """The worst moment, twice: all files have their names, and the manifest does not list them."""
    writer, warehouse = Writer(database), Warehouse(tmp_path / "warehouse")
    await writer.add(CHANGES // 2)
    await export(warehouse, settings)
    before = warehouse.manifest()
    await writer.add(CHANGES // 4)
    blocked = warehouse.folder / f"{MANIFEST}.part"

    for _ in range(2):
        # A pipe without a reader: the process waits when it opens the manifest.
        os.mkfifo(blocked)
        left = 2 * (CHANGES // 4) // CHANGES_PER_DAY

        async def is_before_manifest(left: int = left) -> bool:
            new = warehouse.files() - warehouse.listed() - {blocked.name}
            return len(new) >= left and not any(name.endswith(".part") for name in new)

        await killed_when(is_before_manifest, warehouse, settings, tmp_path / "log")
        blocked.unlink()
        assert warehouse.look() == before
    await export(warehouse, settings)

    assert warehouse.look()["last_seq"] == CHANGES // 2 + CHANGES // 4
    assert warehouse.files() == warehouse.listed()


async def test_two_exports_into_one_folder(database: Database, settings: Settings, tmp_path: Path) -> None:
    """One writes; the others say so, and change nothing."""
    writer, warehouse = Writer(database), Warehouse(tmp_path / "warehouse")
    await writer.add(CHANGES)

    command = ("export", "warehouse", "-o", str(warehouse.folder), "--json")
    found = await asyncio.gather(*(run_docustore(*command, **addresses(settings)) for _ in range(3)))

    assert {each.exit_code for each in found} <= {0, 1}
    assert any(each.exit_code == 0 for each in found)
    for each in found:
        assert each.exit_code == 0 or "another export writes to" in each.stderr
    assert warehouse.look()["last_seq"] == CHANGES
    assert warehouse.files() == warehouse.listed()


@pytest.mark.parametrize("name", ["users.ndjson", "users.csv.gz", "users.parquet"])
async def test_killed_import_is_repeated(
    database: Database, settings: Settings, tmp_path: Path, name: str
) -> None:
    """What was stored is then unchanged; at the end the store is that of an import without a kill."""
    await fill(database, users=USERS)
    await database.users.insert_many([plain(number) for number in range(IMPORTED)])
    file, again = tmp_path / name, tmp_path / f"again-{name}"
    await export_to(database, file)
    total = await database.users.count_documents({})
    await database.users.delete_many({})
    chance = random.Random(f"{SEED} {name}")

    for _ in range(2):
        stored = await database.users.count_documents({})
        wanted = stored + chance.randrange(1, total // 3)

        async def has_stored(wanted: int = wanted) -> bool:
            return await database.users.count_documents({}) >= wanted

        await killed_when(has_stored, None, settings, tmp_path / "log", "import", str(file))
    stored = await database.users.count_documents({})
    repeated = await run_docustore("import", str(file), "--json", **addresses(settings))
    last = await run_docustore("import", str(file), "--json", **addresses(settings))
    await export_to(database, again)

    assert repeated.exit_code == last.exit_code == 0, repeated.stderr
    assert (repeated.document["unchanged"], repeated.document["inserted"]) == (stored, total - stored)
    assert last.document["unchanged"] == total
    assert again.read_bytes() == file.read_bytes()


def plain(number: int) -> dict[str, Any]:
    at = random_history(1, changes=1)[0]["valid_from"]
    return {
        "email": f"plain{number}@example.org", "status": "active", "first_name": f"n{number}", "version": 1,
        "created_at": at, "updated_at": at, "updated_by": "api:test", "schema_version": 4,
    }  # fmt: skip


async def export(warehouse: Warehouse, settings: Settings) -> dict[str, Any]:
    found = await run_docustore(
        "export", "warehouse", "-o", str(warehouse.folder), "--json", **addresses(settings)
    )
    assert found.exit_code == 0, found.stderr
    document: dict[str, Any] = found.document
    return document


async def killed_when(
    condition: Callable[[], Awaitable[bool]],
    warehouse: Warehouse | None,
    settings: Settings,
    log: Path,
    *arguments: str,
) -> None:
    """Start a command, and send SIGKILL when the condition is true or the command has ended."""
    command = arguments if warehouse is None else ("export", "warehouse", "-o", str(warehouse.folder), "--json")
    async with program("-m", "docustore", *command, settings=settings, log=log) as running:

        async def is_time() -> bool:
            return not running.is_running or await condition()

        await until(is_time, what="the moment of the kill")
        await running.kill()
