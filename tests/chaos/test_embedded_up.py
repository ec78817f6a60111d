"""`docustore up` as a user starts it, and after SIGKILL."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from docustore.embedded.data_dir import is_claimed
from docustore.embedded.endpoints_file import FILE_NAME, Endpoints, read_endpoints
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


@dataclass(slots=True, kw_only=True)
class Life:
    """What was seen of a service: started, its API killed, killed, started again, stopped.

    A start takes seconds of computing, so all tests look at one life. `first` and `second` are what the two starts
    have shown, the `written_` ones what the file held meanwhile.
    """

    first: dict[str, Any]
    written_first: Endpoints
    statuses: list[int]
    sign_ins: list[int]
    written_after_kill: Endpoints
    processes: int
    is_claimed_after_kill: bool
    written_after_end: Endpoints | None
    second: dict[str, Any]
    written_second: Endpoints
    status_of_second: int
    exit_code: int
    is_file_left: bool


@pytest.fixture(scope="module")
async def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    folder = tmp_path_factory.mktemp("up")
    async with up(folder) as (process, first):
        seen: dict[str, Any] = {"first": first, "written_first": written(folder)}
        users = f"{first['http_url']}/users"
        seen["statuses"] = [await get(users, key=first["admin_key"]), await get(users)]
        seen["sign_ins"] = await sign_in(first["login_url"])
        os.kill(first["pids"]["api"], signal.SIGKILL)
        await until(lambda: serves_again(folder, first), what="an API that is back")
        seen["written_after_kill"] = written(folder)
        processes = processes_of(first)
        process.kill()
        await process.wait()
        await until(lambda: are_gone(processes), what="the end of every process")
        seen |= {"processes": len(processes), "is_claimed_after_kill": is_claimed(folder)}
        seen["written_after_end"] = read_endpoints(folder)

    async with up(folder, "--show-passwords") as (process, second):
        seen |= {"second": second, "written_second": written(folder)}
        seen["status_of_second"] = await get(f"{second['http_url']}/users", key=first["admin_key"])
        process.send_signal(signal.SIGINT)
        seen["exit_code"] = await process.wait()
    return Life(**seen, is_file_left=(folder / FILE_NAME).exists())


def written(folder: Path) -> Endpoints:
    endpoints = read_endpoints(folder)
    assert endpoints is not None
    return endpoints


async def serves_again(folder: Path, endpoints: dict[str, Any]) -> bool:
    now = read_endpoints(folder)
    if now is None or now.pids["api"] == endpoints["pids"]["api"]:
        return False
    with suppress(httpx2.TransportError):
        return await get(f"{endpoints['http_url']}/health/ready") == 200
    return False


async def are_gone(processes: Sequence[psutil.Process]) -> bool:
    return not any(each.is_running() and is_alive(each.pid) for each in processes)


async def test_admin_key_is_shown_at_the_first_start_only(life: Life) -> None:
    assert life.statuses == [200, 401]
    assert life.second["admin_key"] is None
    assert life.status_of_second == 200


async def test_login_link_works_once(life: Life) -> None:
    assert life.sign_ins == [204, 401]


async def test_terminal_shows_passwords_on_request_only(life: Life) -> None:
    """The file holds the URLs with passwords."""
    assert addresses(life.first) == addresses(life.written_first.masked().as_json())
    assert life.first["mongodb_url"] != life.written_first.mongodb_url
    assert addresses(life.second) == addresses(life.written_second.as_json())


def addresses(shown: dict[str, Any]) -> list[str]:
    return [shown["mongodb_url"], shown["redis_url"]]


async def test_killed_api_serves_again_on_its_port(life: Life) -> None:
    restarted = life.written_after_kill

    assert restarted.http_url == life.first["http_url"]
    changed = {name for name, pid in restarted.pids.items() if pid != life.first["pids"][name]}
    assert changed == {"api"}


async def test_nothing_survives_a_killed_up(life: Life) -> None:
    """An orphaned process would hold ports, queues and leases, and the next start would fail."""
    assert life.processes >= 6
    assert not life.is_claimed_after_kill
    assert life.written_after_end is None


async def test_ctrl_c_ends_it_in_order(life: Life) -> None:
    assert life.exit_code == 0
    assert not life.is_file_left
