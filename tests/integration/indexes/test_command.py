"""The deploy step as a deployment runs it: a process with an exit code."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from docustore.config import Settings
from docustore.database import Database

ROOT = Path(__file__).parents[3]
SCRIPT = ("scripts/create_indexes.py",)


async def run(settings: Settings | None, *arguments: str, **variables: str) -> tuple[int, str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOCUSTORE_")}
    environment = inherited | variables
    if settings is not None:
        environment |= {
            "DOCUSTORE_MONGODB_URL": str(settings.mongodb_url),
            "DOCUSTORE_REDIS_URL": str(settings.redis_url),
            "DOCUSTORE_MONGODB_DATABASE": settings.mongodb_database,
        }
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE
    )
    stdout, stderr = await process.communicate()
    return process.returncode or 0, stdout.decode(), stderr.decode()


async def planned(settings: Settings) -> tuple[int, dict[str, Any]]:
    code, stdout, _ = await run(settings, *SCRIPT, "--plan", "--json")
    return code, json.loads(stdout)


async def test_plan_says_drift_until_applied(settings: Settings, database: Database) -> None:
    await database.client.drop_database(database.name)

    code, plan = await planned(settings)
    assert (code, plan["in_sync"]) == (2, False)
    code, stdout, _ = await run(settings, *SCRIPT)
    assert code == 0
    assert "email_unique" in stdout
    assert await planned(settings) == (0, {"in_sync": True, "actions": [], "extra": []})


async def test_two_processes_apply_at_once(settings: Settings, database: Database) -> None:
    await database.client.drop_database(database.name)

    results = await asyncio.gather(*(run(settings, *SCRIPT, "--json") for _ in range(2)))

    assert [code for code, _, _ in results] == [0, 0]
    assert sum(bool(json.loads(stdout)["actions"]) for _, stdout, _ in results) == 1
    assert (await planned(settings))[0] == 0


async def test_undeclared_index_is_drift(settings: Settings, database: Database) -> None:
    await database["users"].create_index([("last_name", 1)], name="by_hand")

    code, plan = await planned(settings)

    assert code == 2
    assert plan["extra"] == [{"collection": "users", "index": "by_hand", "is_hidden": False}]


async def test_unconfigured_command_says_what_to_set(tmp_path: Path) -> None:
    code, stdout, stderr = await run(None, *SCRIPT, "--plan", "--json", DOCUSTORE_DATA_DIR=str(tmp_path))

    assert code == 1
    assert json.loads(stdout)["error"]["type"] == "ConfigurationError"
    assert stderr.startswith("Error: DOCUSTORE_MONGODB_URL: not set")
    assert "Traceback" not in stderr


async def test_duplicates_fail_in_one_sentence(settings: Settings, database: Database) -> None:
    await database["users"].drop_index("email_unique")
    await database["users"].insert_many([{"email": "ada@example.org"}, {"email": "ada@example.org"}])

    code, _, stderr = await run(settings, *SCRIPT)

    assert code == 1
    assert "index email_unique of users cannot be unique" in stderr
    assert "ada@" not in stderr
