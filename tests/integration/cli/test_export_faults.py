"""Exports that end in the middle: no half file looks whole, and starting again works."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from hashlib import sha256
from pathlib import Path

from docustore.config import Settings
from docustore.database import Database
from docustore.warehouse.manifest import MANIFEST
from tests.forks import plain_environment
from tests.integration.cli.docustore_command import Outcome, addresses, run_docustore
from tests.integration.warehouse.reference import random_history
from tests.waiting import until

USERS = 600


async def fill(database: Database, *, users: int) -> None:
    found = [{"email": f"user{number}@example.org", "first_name": "x" * 90} for number in range(users)]
    await database["users"].insert_many(found)


async def add_history(database: Database) -> None:
    rows = random_history(3)
    await database["user_history"].insert_many(rows)
    await database["change_positions"].update_one(
        {"_id": "users"}, {"$set": {"seq": rows[-1]["_id"]}}, upsert=True
    )


async def run_with_small_files(settings: Settings, *arguments: str) -> Outcome:
    """Run a command whose files may have a kilobyte: a write beyond it fails with EFBIG."""
    limited = f'ulimit -f 1; exec "{sys.executable}" -m docustore "$@"'
    environment = {**plain_environment(), "PYTHONDONTWRITEBYTECODE": "1", **addresses(settings)}
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", limited, "docustore", *arguments, stdout=PIPE, stderr=PIPE, env=environment
    )
    stdout, stderr = await process.communicate()
    return Outcome(process.returncode, stdout.decode(), stderr.decode())


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


def is_pipe(path: Path) -> bool:
    return path.is_fifo()


async def start_export(settings: Settings, path: Path) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "docustore", "export", "-o", str(path)),
        stdout=DEVNULL,
        stderr=DEVNULL,
        env={**plain_environment(), **addresses(settings)},
    )


async def test_file_that_is_too_large_leaves_nothing(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    await fill(database, users=USERS)
    path = tmp_path / "users.ndjson"

    failed = await run_with_small_files(settings, "export", "-o", str(path))
    left = files_in(tmp_path)
    again = await run_docustore("export", "-o", str(path), "--json", **addresses(settings))

    assert (failed.exit_code, left) == (1, [])
    assert "larger than allowed" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert (again.exit_code, again.document["rows"], len(path.read_text().splitlines())) == (0, USERS, USERS)
    states = [each["state"] async for each in database["exports"].find({})]
    assert sorted(states) == ["complete", "failed"]


async def test_pipe_is_written_and_stays_one(settings: Settings, database: Database, tmp_path: Path) -> None:
    """A rename over a device would replace it for all programs."""
    await fill(database, users=3)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    exporting = asyncio.create_task(run_docustore("export", "-o", str(pipe), "--json", **addresses(settings)))
    received = await asyncio.to_thread(pipe.read_bytes)
    done = await exporting

    assert (done.exit_code, done.document["rows"], received.count(b"\n")) == (0, 3, 3)
    assert done.document["sha256"] == sha256(received).hexdigest()
    assert (is_pipe(pipe), files_in(tmp_path)) == (True, [])


async def test_link_stays_a_link(settings: Settings, database: Database, tmp_path: Path) -> None:
    await fill(database, users=3)
    link, file = tmp_path / "latest.ndjson", tmp_path / "of-today.ndjson"
    link.symlink_to(file)

    done = await run_docustore("export", "-o", str(link), "--json", **addresses(settings))

    assert (done.exit_code, link.is_symlink(), file.read_bytes().count(b"\n")) == (0, True, 3)


async def test_warehouse_file_that_is_too_large_leaves_no_file(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    await add_history(database)

    failed = await run_with_small_files(settings, "export", "warehouse", "-o", str(tmp_path))
    left = files_in(tmp_path)
    again = await run_docustore("export", "warehouse", "-o", str(tmp_path), "--json", **addresses(settings))

    assert (failed.exit_code, left) == (1, [])
    assert "larger than allowed" in failed.stderr
    assert again.exit_code == 0, again.stderr
    listed = json.loads((tmp_path / MANIFEST).read_bytes())["tables"]
    assert all(table["rows"] for table in listed.values())


async def test_killed_export_leaves_no_file_of_its_name(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    """SIGKILL in the middle; what is left neither looks whole nor blocks the next export."""
    users = 20_000
    await fill(database, users=users)
    path = tmp_path / "users.ndjson"
    part = tmp_path / "users.ndjson.part"
    process = await start_export(settings, path)

    async def has_begun() -> bool:
        return part.exists() and part.stat().st_size > 0

    await until(has_begun, what="the export writes")
    process.send_signal(signal.SIGKILL)
    await process.wait()
    is_there = path.exists()
    again = await run_docustore("export", "-o", str(path), "--json", **addresses(settings))

    assert not is_there
    assert (again.exit_code, again.document["rows"]) == (0, users)
    assert (len(path.read_text().splitlines()), part.exists()) == (users, False)
