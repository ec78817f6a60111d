import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from docustore.embedded.servers import embedded_servers
from tests.alive import is_alive
from tests.chaos import holder
from tests.waiting import until

pytestmark = pytest.mark.chaos


async def start_holder(folder: Path) -> tuple[Process, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(sys.executable, holder.__file__, folder, stdout=PIPE)
    assert process.stdout is not None
    return process, json.loads(await process.stdout.readline())


async def test_servers_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    """A process that gets SIGKILL cannot clean up; the kernel must do it."""
    process, servers = await start_holder(tmp_path)
    pids = (servers["mongod_pid"], servers["valkey_pid"])
    assert all(is_alive(pid) for pid in pids)

    process.kill()
    await process.wait()

    async def are_gone() -> bool:
        return not any(is_alive(pid) for pid in pids)

    await until(are_gone)


async def test_folder_starts_again_after_the_kill(tmp_path: Path) -> None:
    """New servers wait for the last writes of the old ones."""
    process, servers = await start_holder(tmp_path)
    async with AsyncMongoClient(servers["mongodb_url"], w="majority") as client:
        await client.store.things.insert_many([{"n": n} for n in range(1000)])

    process.kill()
    await process.wait()

    async with embedded_servers(tmp_path) as again, AsyncMongoClient(again.mongodb_url) as client:
        assert await client.store.things.count_documents({}) == 1000
