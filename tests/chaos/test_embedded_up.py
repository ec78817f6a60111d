"""`docustore up` as a user starts it, and after SIGKILL."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from docustore.embedded.data_dir import is_claimed
from docustore.embedded.endpoints_file import read_endpoints
from tests.alive import is_alive
from tests.waiting import until

pytestmark = pytest.mark.chaos


@asynccontextmanager
async def up(folder: Path, *options: str) -> AsyncIterator[tuple[Process, dict[str, Any]]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCUSTORE_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "docustore", "up", "--port", "0", "--data-dir", str(folder), "--json", *options),
        stdout=PIPE,
        stderr=DEVNULL,
        env=environment,
    )
    assert process.stdout is not None
    try:
        yield process, json.loads(await process.stdout.readuntil(b"\n}\n"))
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def get(url: str, *, key: str | None = None) -> int:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(url, headers=headers)).status_code


async def sign_in(link: str) -> list[int]:
    """Use a login link twice, as its page does; return the statuses."""
    page, _, token = link.partition("#token=")
    origin = page.removesuffix("/login")
    async with httpx2.AsyncClient(trust_env=False, headers={"origin": origin}) as client:
        return [(await client.post(page, json={"token": token})).status_code for _ in range(2)]


def processes_of(endpoints: dict[str, Any]) -> list[psutil.Process]:
    """List all processes of an `up`, with the children of its children."""
    supervisor = psutil.Process(endpoints["pids"]["supervisor"])
    return [supervisor, *supervisor.children(recursive=True)]


async def test_admin_key_is_shown_at_the_first_start_only(tmp_path: Path) -> None:
    async with up(tmp_path) as (_, first):
        assert await get(f"{first['http_url']}/users", key=first["admin_key"]) == 200
        assert await get(f"{first['http_url']}/users") == 401
        assert await sign_in(first["login_url"]) == [204, 401]

    async with up(tmp_path) as (process, second):
        assert second["admin_key"] is None
        assert await get(f"{second['http_url']}/users", key=first["admin_key"]) == 200
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0

    assert not (tmp_path / "endpoints.json").exists()


async def test_terminal_shows_no_password(tmp_path: Path) -> None:
    """The file holds the URLs with passwords; the terminal only on request."""
    async with up(tmp_path) as (_, shown):
        written = read_endpoints(tmp_path)
        assert written is not None
        assert [shown["mongodb_url"], shown["redis_url"]] == [
            written.masked().mongodb_url,
            written.masked().redis_url,
        ]
        assert shown["mongodb_url"] != written.mongodb_url

    async with up(tmp_path, "--show-passwords") as (_, shown):
        written = read_endpoints(tmp_path)
        assert written is not None
        assert [shown["mongodb_url"], shown["redis_url"]] == [written.mongodb_url, written.redis_url]


async def test_killed_api_serves_again_on_its_port(tmp_path: Path) -> None:
    async with up(tmp_path) as (_, endpoints):
        os.kill(endpoints["pids"]["api"], signal.SIGKILL)

        async def is_back() -> bool:
            now = read_endpoints(tmp_path)
            if now is None or now.pids["api"] == endpoints["pids"]["api"]:
                return False
            with suppress(httpx2.TransportError):
                return await get(f"{endpoints['http_url']}/health/ready") == 200
            return False

        await until(is_back)

        restarted = read_endpoints(tmp_path)
        assert restarted is not None
        assert restarted.http_url == endpoints["http_url"]
        changed = {name for name, pid in restarted.pids.items() if pid != endpoints["pids"][name]}
        assert changed == {"api"}


async def test_nothing_survives_a_killed_up(tmp_path: Path) -> None:
    """An orphaned process would hold ports, queues and leases."""
    async with up(tmp_path) as (process, endpoints):
        processes = processes_of(endpoints)
        assert len(processes) >= 6

        process.kill()
        await process.wait()

        async def are_gone() -> bool:
            return not any(each.is_running() and is_alive(each.pid) for each in processes)

        await until(are_gone)

    assert not is_claimed(tmp_path)
    assert read_endpoints(tmp_path) is None
    async with up(tmp_path) as (_, again):
        assert await get(f"{again['http_url']}/health/live") == 200
