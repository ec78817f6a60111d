"""Benchmark of the API: single users and pages at any depth.

Requests are authenticated and use 32 connections. Every server has one worker process and runs alone. Server,
MongoDB and client share the machine. Floor: a route that does nothing, under the same server. Peer: FastAPI and
Beanie under the same server, pages by skip and limit.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.http_load import requests_per_s
from benchmarks.row import BenchRow
from docustore.api.pagination import Position, encode_cursor
from docustore.config import Settings
from docustore.database import Database
from docustore.users.keyset import UserSort
from docustore.users.listing import UserFilter

ROUNDS: Final = 3
SAMPLED_USERS: Final = 2_000
PAGE: Final = 20
# A busy machine takes a minute.
START_S: Final = 120.0
_KEY: Final = "bench-key-of-the-reading-benchmarks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The requested paths.

    `users` are sampled from the whole store. The deep pages start in the middle of all users.
    """

    users: Sequence[str]
    first_page: str
    deep_page: str
    deep_skip: str


async def measure(database: Database, settings: Settings, *, users: int) -> list[BenchRow]:
    """Measure on a populated store.

    Unit: requests per second. Each value is the median of three rounds.
    """
    paths = await paths_of(database, users=users)
    environment = _environment(settings, database.name)
    plain, single, first, deep = [], [], [], []
    for _ in range(ROUNDS):
        async with serving(_peer("plain_app"), environment) as (port, _):
            plain.append(await requests_per_s(port, ["/"], headers={}))
        async with serving(("docustore.api.server",), environment) as (port, _):
            headers = {"Authorization": f"Bearer {_KEY}"}
            single.append(await requests_per_s(port, paths.users, headers=headers))
            first.append(await requests_per_s(port, [paths.first_page], headers=headers))
            deep.append(await requests_per_s(port, [paths.deep_page], headers=headers))
    async with serving(_peer("fastapi_app"), environment) as (port, _):
        peer_single = await requests_per_s(port, paths.users, headers={})
        peer_first = await requests_per_s(port, [paths.first_page], headers={})
        peer_deep = await requests_per_s(port, [paths.deep_skip], headers={})
    page = f"GET /users?limit={PAGE}"
    return [
        _row("GET /users/{id}", single, floor=plain, peer=peer_single),
        _row(f"{page}, first page", first, floor=plain, peer=peer_first),
        # The floor of a deep page is the first page: the depth must not add cost.
        _row(f"{page} after {users // 2:,} users", deep, floor=first, peer=peer_deep),
    ]


def _row(name: str, values: Sequence[float], *, floor: Sequence[float], peer: float) -> BenchRow:
    value = median(values)
    ratio = median(rate / best for rate, best in zip(values, floor, strict=True))
    return BenchRow(
        name=name,
        value=round(value),
        unit="requests/s",
        floor=round(median(floor)),
        ratio_to_floor=round(ratio, 2),
        peer=round(peer, 1),
        ratio_to_peer=round(value / peer, 1),
    )


async def paths_of(database: Database, *, users: int) -> Paths:
    """Choose the paths to request from a populated store."""
    sample = [{"$sample": {"size": SAMPLED_USERS}}, {"$project": {"_id": 1}}]
    ids = [document["_id"] async for document in await database["users"].aggregate(sample)]
    newest_first = database["users"].find({"deleted_at": None}, {"created_at": 1}).sort("created_at", -1)
    (middle,) = await newest_first.skip(users // 2).limit(1).to_list()
    position = Position(at=middle["created_at"], id=str(middle["_id"]))
    cursor = encode_cursor(position, query=("users", UserSort.NEWEST, UserFilter()))
    return Paths(
        users=[f"/users/{user_id}" for user_id in ids],
        first_page=f"/users?limit={PAGE}",
        deep_page=f"/users?limit={PAGE}&cursor={cursor}",
        deep_skip=f"/users?limit={PAGE}&skip={users // 2}",
    )


def _environment(settings: Settings, database: str) -> dict[str, str]:
    return {
        **os.environ,
        "DOCUSTORE_MONGODB_URL": settings.mongodb_url or "",
        "DOCUSTORE_REDIS_URL": settings.redis_url or "",
        "DOCUSTORE_MONGODB_DATABASE": database,
        "DOCUSTORE_ADMIN_KEY": _KEY,
        "DOCUSTORE_LOG_LEVEL": "error",
    }


def _peer(factory: str) -> tuple[str, ...]:
    """Return the module and arguments that serve a peer under the API's server."""
    return ("granian", "--interface", "asgi", "--factory", "--log-level", "warning", f"benchmarks.peers:{factory}")


@asynccontextmanager
async def serving(module: tuple[str, ...], environment: dict[str, str]) -> AsyncIterator[tuple[int, int]]:
    """Run a Python module as server until the block ends.

    Yields its port and its process id.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *module),
        env={**environment, "DOCUSTORE_PORT": str(port), "GRANIAN_PORT": str(port)},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await _until_accepting(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        await process.wait()


async def _until_accepting(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_S):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return
    raise RuntimeError(f"the server did not start: exit code {process.returncode}")
