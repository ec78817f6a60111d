"""The files hold every change once, and DuckDB reads the same spans from them."""

import hashlib
import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from bson import Int64

from docustore.config import Settings
from docustore.database import Database
from docustore.errors import ConfigurationError, WarehouseError
from docustore.history.compaction import Order, compact
from docustore.warehouse.check import verify_files
from docustore.warehouse.duckdb_views import VIEWS
from docustore.warehouse.export import export_warehouse
from docustore.warehouse.manifest import MANIFEST
from docustore.warehouse.tracked import tracked_fields
from indexes.warehouse import DEFAULT_TRACKED
from tests.forks import ROOT
from tests.integration.cli.docustore_command import addresses, run_docustore
from tests.integration.warehouse.reference import random_history

TRACKED = tracked_fields(DEFAULT_TRACKED)
PAGE = (ROOT / "docs" / "warehouse.md").read_text()
SQL = re.findall(r"^```sql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


async def add(database: Database, rows: list[dict[str, Any]]) -> None:
    await database.user_history.insert_many(rows)
    await database.change_positions.update_one({"_id": "users"}, {"$set": {"seq": rows[-1]["_id"]}}, upsert=True)


async def test_duckdb_gives_the_rows_of_the_view(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The views that the export writes, and the query of the documentation as it stands there."""
    await add(database, random_history(3))
    await export_warehouse(database, tmp_path, tracked=TRACKED)
    monkeypatch.chdir(tmp_path)

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute((tmp_path / VIEWS).read_text())
        found = connection.execute(
            "SELECT seq, user_id, status, first_name, tags, epoch_ms(valid_from), epoch_ms(valid_to), "
            "epoch_ms(recorded_at), is_current "
            "FROM dim_user ORDER BY seq"
        ).fetchall()
        report = connection.execute(SQL[0]).fetchall()
        events = connection.execute("SELECT count(*) FROM fact_user_events").fetchone()

    view = await database.dim_user.find().sort("_id", 1).to_list()
    assert found == [
        (
            row["_id"],
            str(row["user_id"]),
            row["status"],
            row["first_name"],
            row["tags"],
            millis(row["valid_from"]),
            None if row["valid_to"] is None else millis(row["valid_to"]),
            millis(row["recorded_at"]),
            row["is_current"],
        )
        for row in view
    ]
    assert events == (120,)
    assert sum(count for *_, count in report) == 120


def millis(time: Any) -> int:
    return int(time.timestamp() * 1000)


async def test_second_run_adds_only_what_is_new(database: Database, tmp_path: Path) -> None:
    history = random_history(4)
    await add(database, history[:70])
    await export_warehouse(database, tmp_path, tracked=TRACKED)
    before = {path: path.read_bytes() for path in files(tmp_path)}

    await add(database, history[70:])
    second = await export_warehouse(database, tmp_path, tracked=TRACKED)
    third = await export_warehouse(database, tmp_path, tracked=TRACKED)

    manifest = json.loads((tmp_path / MANIFEST).read_bytes())
    assert (second.rows, third.rows, third.files) == (50, 0, 0)
    assert {path: path.read_bytes() for path in before} == before
    assert manifest["last_seq"] == 120
    for name, table in manifest["tables"].items():
        seqs = [
            seq for file in table["files"] for seq in pq.read_table(tmp_path / file["path"])["seq"].to_pylist()
        ]
        assert sorted(seqs) == list(range(1, 121)), name
    check(tmp_path, manifest)


def check(folder: Path, manifest: dict[str, Any]) -> None:
    """Every listed file is there, whole, and of the day that its folder names."""
    listed = [file for table in manifest["tables"].values() for file in table["files"]]
    assert {folder / file["path"] for file in listed} == set(files(folder))
    for file in listed:
        data = (folder / file["path"]).read_bytes()
        table = pq.read_table(folder / file["path"])
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
        assert {f"{at:%Y-%m-%d}" for at in table["recorded_at"].to_pylist()} == {file["day"]}
        assert f"recorded_day={file['day']}" in file["path"]
        assert table.num_rows == file["rows"]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix == ".parquet")


async def test_compacted_rows_have_their_states(database: Database, tmp_path: Path) -> None:
    """A first run over old history gives the files of a run before the compaction."""
    history = random_history(10)
    await add(database, history)
    before, after = tmp_path / "before", tmp_path / "after"
    await export_warehouse(database, before, tracked=TRACKED)

    await compact(database, Order(older_than=datetime(2100, 1, 1, tzinfo=UTC), seq=len(history)))
    await export_warehouse(database, after, tracked=TRACKED)

    assert await database.user_history.count_documents({"undo": {"$exists": True}}) > 20
    assert [path.read_bytes() for path in files(after)] == [path.read_bytes() for path in files(before)]


async def test_run_that_was_killed_is_repeated(database: Database, tmp_path: Path) -> None:
    """It leaves files that no manifest lists; a reader does not see them."""
    history = random_history(5)
    await add(database, history[:70])
    await export_warehouse(database, tmp_path, tracked=TRACKED)
    manifest = (tmp_path / MANIFEST).read_bytes()
    await add(database, history[70:])
    await export_warehouse(database, tmp_path, tracked=TRACKED)
    (tmp_path / MANIFEST).write_bytes(manifest)

    await export_warehouse(database, tmp_path, tracked=TRACKED)

    check(tmp_path, json.loads((tmp_path / MANIFEST).read_bytes()))


async def test_names_are_on_disk_before_the_manifest(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut must not leave a manifest whose files or folders have no name."""
    synced: list[str] = []
    fsync = os.fsync

    def spied(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spied)
    await add(database, random_history(11))

    done = await export_warehouse(database, tmp_path / "w", tracked=TRACKED)

    before = set(synced[: synced.index(str(tmp_path / "w" / f"{MANIFEST}.part"))])
    named = [tmp_path / "w" / file.path for table in done.manifest.tables.values() for file in table.files]
    assert {str(folder) for path in named for folder in list(path.parents)[:3]} <= before


async def test_numbers_of_64_bits_are_written(database: Database, tmp_path: Path) -> None:
    """A counter that a client has set as a long stays one."""
    rows = random_history(3)
    await add(database, [{**row, "_id": Int64(row["_id"])} for row in rows])

    done = await export_warehouse(database, tmp_path, tracked=TRACKED)

    assert done.manifest.last_seq == rows[-1]["_id"]


async def test_uncommitted_rows_wait(database: Database, tmp_path: Path) -> None:
    history = random_history(6)
    await add(database, history[:70])
    await database.user_history.insert_many(history[70:])

    assert (await export_warehouse(database, tmp_path, tracked=TRACKED)).rows == 70


async def test_missing_file_is_noticed_by_the_next_run(database: Database, tmp_path: Path) -> None:
    """A manifest must not grow over a hole: every reader of it fails."""
    history = random_history(7)
    await add(database, history[:70])
    await export_warehouse(database, tmp_path, tracked=TRACKED)
    await add(database, history[70:])
    lost = files(tmp_path)[0]
    lost.unlink()

    with pytest.raises(WarehouseError, match=f"{lost.name} is missing: export to an empty folder"):
        await export_warehouse(database, tmp_path, tracked=TRACKED)

    assert json.loads((tmp_path / MANIFEST).read_bytes())["last_seq"] == 70


async def test_changed_byte_is_found_by_verify(database: Database, tmp_path: Path) -> None:
    await add(database, random_history(7))
    done = await export_warehouse(database, tmp_path, tracked=TRACKED)
    assert verify_files(tmp_path) == done.manifest
    changed = files(tmp_path)[0]
    content = bytearray(changed.read_bytes())
    content[100] ^= 1
    changed.write_bytes(content)

    with pytest.raises(WarehouseError, match=f"{changed.name} is not as it was written"):
        verify_files(tmp_path)


async def test_folder_below_a_file_is_refused_in_a_sentence(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match=r"--output: cannot write to .*/file/w: Not a directory"):
        await export_warehouse(database, tmp_path / "file" / "w", tracked=TRACKED)


async def test_command_verifies_a_folder(settings: Settings, database: Database, tmp_path: Path) -> None:
    await add(database, random_history(9))
    await export_warehouse(database, tmp_path, tracked=TRACKED)
    arguments = ("export", "warehouse", "-o", str(tmp_path), "--verify", "--json")

    whole = await run_docustore(*arguments, **addresses(settings))
    files(tmp_path)[0].unlink()
    damaged = await run_docustore(*arguments, **addresses(settings))

    assert (whole.exit_code, whole.document["verified"], whole.document["last_seq"]) == (0, True, 120)
    assert damaged.exit_code == 1
    assert "is missing" in damaged.document["error"]["message"]


async def test_folder_of_another_store_is_refused(database: Database, tmp_path: Path) -> None:
    await add(database, random_history(7))
    await export_warehouse(database, tmp_path, tracked=TRACKED)
    await database.user_history.update_many({}, {"$set": {"event_id": "other"}})

    with pytest.raises(WarehouseError, match="another store"):
        await export_warehouse(database, tmp_path, tracked=TRACKED)


async def test_folder_with_other_attributes_is_refused(database: Database, tmp_path: Path) -> None:
    await add(database, random_history(7))
    await export_warehouse(database, tmp_path, tracked=TRACKED)

    with pytest.raises(WarehouseError, match="DOCUSTORE_WAREHOUSE_TRACKED"):
        await export_warehouse(database, tmp_path, tracked=TRACKED[:2])


async def test_history_that_was_cut_off_is_noticed(database: Database, tmp_path: Path) -> None:
    history = random_history(7)
    await add(database, history[:70])
    await export_warehouse(database, tmp_path, tracked=TRACKED)
    await add(database, history[70:])
    await database.user_history.delete_many({"_id": {"$lte": 90}})

    with pytest.raises(WarehouseError, match="begins at 91"):
        await export_warehouse(database, tmp_path, tracked=TRACKED)


async def test_many_days_are_open_one_after_the_other(database: Database, tmp_path: Path) -> None:
    """A row of a day whose file is closed begins another file of that day."""
    history = random_history(8, changes=40)
    for number, row in enumerate(history):
        row["valid_from"] += timedelta(days=(number * 7) % 11)
    await add(database, history)

    done = await export_warehouse(database, tmp_path, tracked=TRACKED)

    manifest = json.loads((tmp_path / MANIFEST).read_bytes())
    check(tmp_path, manifest)
    assert done.manifest.tables["user_events"].rows == 40


async def test_command_tells_what_it_added(settings: Settings, database: Database, tmp_path: Path) -> None:
    await add(database, random_history(9))

    found = await run_docustore("export", "warehouse", "-o", str(tmp_path / "w"), "--json", **addresses(settings))

    assert found.exit_code == 0, found.stderr
    assert (found.document["rows"], found.document["last_seq"]) == (120, 120)
    assert found.document["tables"] == {"user_versions": 120, "user_events": 120}
    assert (tmp_path / "w" / MANIFEST).is_file()
