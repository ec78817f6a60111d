import asyncio
import fcntl
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from docustore.cli.main import COMMANDS
from docustore.config import Settings
from docustore.database import Database
from docustore.embedded.data_dir import claimed, is_claimed
from tests.alive import is_alive
from tests.integration.cli.docustore_command import addresses, run_docustore, start_docustore
from tests.integration.etl.conftest import user, write_ndjson
from tests.waiting import until


@pytest.mark.parametrize("name", COMMANDS)
async def test_every_command_shows_an_example(name: str) -> None:
    outcome = await run_docustore(name, "--help")

    assert outcome.exit_code == 0
    assert f"Example: docustore {name}" in outcome.stdout


async def test_error_is_a_sentence_and_one_document() -> None:
    outcome = await run_docustore("doctor", "--json", DOCUSTORE_PORT="many")

    assert outcome.document["healthy"] is False
    assert outcome.exit_code == 1
    assert "Traceback" not in outcome.stderr


async def test_command_is_a_program() -> None:
    """As a shell starts it; the other tests fork it from a process that has imported it."""
    outcome = await start_docustore("etl", "run", "--json")

    assert outcome.exit_code == 2
    assert outcome.document["error"]["type"] == "MissingParameter"


async def test_wrong_usage_exits_2() -> None:
    outcome = await run_docustore("up", "--prot", "1", "--json")

    assert outcome.exit_code == 2
    assert outcome.document["error"]["type"] == "NoSuchOption"
    assert outcome.stderr.count("\n") == 1
    assert ". See `docustore up --help`" in outcome.stderr or "? See `docustore up --help`" in outcome.stderr


async def test_known_error_exits_1_without_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    outcome = await run_docustore("up", "--port", "0", "--data-dir", str(tmp_path / "file"), "--json")

    assert outcome.exit_code == 1
    assert outcome.document["error"]["type"] == "EmbeddedServerError"
    assert outcome.stderr.endswith("is not a folder: pass another --data-dir\n")
    assert "Traceback" not in outcome.stderr


async def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    outcome = await run_docustore("up", "--port", "0", "--data-dir", str(tmp_path / "file"), "--debug")

    assert "Traceback" in outcome.stderr


async def test_second_up_is_refused_with_the_reason(tmp_path: Path) -> None:
    with claimed(tmp_path):
        outcome = await run_docustore("up", "--port", "0", "--data-dir", str(tmp_path))

    assert outcome.exit_code == 1
    assert f"in use by another docustore process ({os.getpid()})" in outcome.stderr


async def test_doctor_names_the_next_step_of_failures() -> None:
    outcome = await run_docustore(
        "doctor",
        "--json",
        DOCUSTORE_PORT="0",
        DOCUSTORE_MONGODB_URL="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200",
        DOCUSTORE_REDIS_URL="redis://127.0.0.1:1/0",
    )

    failures = {row["check"]: row for row in outcome.document["findings"] if row["status"] == "failed"}
    assert outcome.exit_code == 1
    assert set(failures) == {"mongodb", "valkey"}
    assert all(row["next_step"] for row in failures.values())


async def test_doctor_is_healthy_after_the_deploy_step(settings: Settings, database: Database) -> None:
    path = write_ndjson(settings.data_dir / "users.ndjson", [user(1)])
    sources = {
        "crm": {"kind": "file", "url": str(path)},
        "shop": {"kind": "http", "url": "http://127.0.0.1:1/users", "schedule": "off"},
    }
    await database.etl_sources.insert_one({"_id": "crm", "paused": True, "pause_reason": "move"})
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as other:
        outcome = await run_docustore(
            "doctor",
            "--json",
            DOCUSTORE_SOURCES=json.dumps(sources),
            DOCUSTORE_ALERT_URLS='["http:///no-host"]',
            DOCUSTORE_PORT=str(other.sockets[0].getsockname()[1]),
            **addresses(settings),
        )

    rows = {row["check"]: row for row in outcome.document["findings"]}
    statuses = {check: row["status"] for check, row in rows.items()}
    assert (statuses["source crm"], statuses["source shop"]) == ("ok", "failed")
    assert "docustore etl test shop" in rows["source shop"]["next_step"]
    assert (statuses["port"], statuses["alert address http://..."]) == ("failed", "failed")
    assert (statuses["schedule crm"], rows["schedule crm"]["seen"]) == ("warning", "paused (move)")
    assert all(row["next_step"] for row in rows.values() if row["status"] in {"failed", "warning"})
    assert {statuses[name] for name in ("mongodb", "replica set", "majority write", "clocks", "indexes")} == {"ok"}


async def test_indexes_plan_exits_2_on_drift(settings: Settings) -> None:
    outcome = await run_docustore("indexes", "plan", "--json", **addresses(settings))

    assert outcome.exit_code == 2
    assert outcome.document["in_sync"] is False


async def test_own_servers_last_as_long_as_the_command(tmp_path: Path) -> None:
    outcome = await run_docustore("indexes", "plan", "--json", "--data-dir", str(tmp_path))

    assert outcome.exit_code == 2
    assert not is_claimed(tmp_path)
    assert not is_alive(int((tmp_path / "mongod.pid").read_text()))


async def test_sigterm_ends_own_servers_in_order(tmp_path: Path) -> None:
    mongod_pid = tmp_path / "mongod.pid"

    async def has_started() -> bool:
        return mongod_pid.exists() and bool(mongod_pid.read_text())

    # Held as by a server of an earlier start, so that the command cannot finish.
    with (tmp_path / "valkey.pid").open("w") as earlier:
        fcntl.flock(earlier, fcntl.LOCK_EX)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "docustore", "indexes", "plan", "--data-dir", tmp_path, stdout=PIPE, stderr=PIPE
        )
        await until(has_started)
        process.send_signal(signal.SIGTERM)
        _, stderr = await process.communicate()

    assert process.returncode == 1
    assert not is_alive(int(mongod_pid.read_text()))
    assert b"interrupted" in stderr
    assert b"Traceback" not in stderr
    assert not is_claimed(tmp_path)
