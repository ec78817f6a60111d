"""The embedded servers refuse clients without a password."""

import asyncio
import json
import os
import signal
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import bson
import psutil
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import AuthenticationError

from docustore.config import DEFAULT_OPLOG_MIB, MIN_OPLOG_MIB
from docustore.embedded.binaries import SearchPlaces, find_mongod, find_valkey
from docustore.embedded.ports import free_port
from docustore.embedded.processes import spawn, stop
from docustore.embedded.replica_set import ensure_primary
from docustore.embedded.servers import EmbeddedServers, embedded_servers
from docustore.store_rights import roles_on_any_database
from tests.waiting import until

UNAUTHORIZED = 13
OP_COMPRESSED, OP_MSG, ZLIB = 2012, 2013, 2


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def secrets_of(data_dir: Path) -> list[str]:
    return list(json.loads((data_dir / "secrets" / "credentials.json").read_text()).values())


async def insert(url: str) -> None:
    async with AsyncMongoClient(url) as client:
        await client.store.things.insert_one({})


async def count(url: str) -> int:
    async with AsyncMongoClient(url) as client:
        return await client.store.things.count_documents({})


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[EmbeddedServers]:
    async with embedded_servers(tmp_path) as servers:
        yield servers


async def test_clients_without_a_password_are_refused(running: EmbeddedServers) -> None:
    """Also for the first account: the localhost exception of MongoDB is off."""
    address = f"mongodb://127.0.0.1:{port_of(running.mongodb_url)}/?directConnection=true"

    async with AsyncMongoClient(address) as client:
        with pytest.raises(OperationFailure) as reading:
            await client.store.things.find_one()
        with pytest.raises(OperationFailure) as creating:
            await client.admin.command("createUser", "me", pwd="x", roles=["root"])
    async with Redis(host="127.0.0.1", port=port_of(running.redis_url)) as redis:
        with pytest.raises(AuthenticationError):
            await redis.get("job")

    assert {reading.value.code, creating.value.code} == {UNAUTHORIZED}


async def test_service_is_no_administrator(running: EmbeddedServers) -> None:
    """The account of the service has the rights that a deployment gives it."""
    async with AsyncMongoClient(running.mongodb_url) as client:
        await client.store.things.insert_one({})
        with pytest.raises(OperationFailure) as stepping_down:
            await client.admin.command({"replSetStepDown": 1, "force": True})
        with pytest.raises(OperationFailure) as creating:
            await client.admin.command("createUser", "me", pwd="x", roles=["root"])
        status = await client.admin.command("connectionStatus")

    assert {stepping_down.value.code, creating.value.code} == {UNAUTHORIZED}
    roles = status["authInfo"]["authenticatedUserRoles"]
    assert sorted(roles, key=str) == sorted(roles_on_any_database(), key=str)


async def test_owner_may_do_everything(running: EmbeddedServers) -> None:
    async with AsyncMongoClient(running.mongodb_root_url) as client:
        status = await client.admin.command("connectionStatus")

    assert status["authInfo"]["authenticatedUserRoles"] == [{"role": "root", "db": "admin"}]


async def test_files_with_secrets_are_the_owner_s(running: EmbeddedServers, tmp_path: Path) -> None:
    assert running.mongod_pid

    folder = tmp_path / "secrets"

    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == dict.fromkeys(("credentials.json", "mongodb.key", "valkey.conf"), 0o600)


async def test_process_list_shows_no_secret(running: EmbeddedServers, tmp_path: Path) -> None:
    """Every user of the machine can read the arguments of every process."""
    shown = [word for pid in (running.mongod_pid, running.valkey_pid) for word in psutil.Process(pid).cmdline()]

    assert str(tmp_path / "secrets" / "mongodb.key") in shown
    assert not [secret for secret in secrets_of(tmp_path) if secret in " ".join(shown)]


async def test_credentials_stay_the_same(tmp_path: Path) -> None:
    async with embedded_servers(tmp_path):
        before = secrets_of(tmp_path)

    async with embedded_servers(tmp_path):
        assert secrets_of(tmp_path) == before


async def make_old_folder(data_dir: Path) -> None:
    """Leave one document and one job behind, as the version without accounts did."""
    places, port, queue_port = SearchPlaces(), free_port(), free_port()
    (data_dir / "mongod").mkdir(parents=True)
    (data_dir / "valkey").mkdir()
    store = await spawn(
        [
            str(await find_mongod(places)), "--dbpath", str(data_dir / "mongod"), "--port", str(port),
            "--bind_ip", "127.0.0.1", "--nounixsocket", "--replSet", "rs0", "--oplogSize", "2048",
        ],
        log_path=data_dir / "mongod.log",
    )  # fmt: skip
    queue = await spawn(
        [
            str(await find_valkey(places)), "--bind", "127.0.0.1", "--port", str(queue_port),
            "--dir", str(data_dir / "valkey"), "--appendonly", "yes", "--save", "",
        ],
        log_path=data_dir / "valkey.log",
    )  # fmt: skip
    try:
        async with (
            AsyncMongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true") as client,
            Redis(host="127.0.0.1", port=queue_port, retry=Retry(ConstantBackoff(0.1), 300)) as redis,
        ):
            await ensure_primary(client, port)
            await client.store.things.insert_one({})
            await redis.set("job", "1")
    finally:
        await asyncio.gather(stop(store), stop(queue))


async def test_folder_of_an_older_version_gets_accounts(tmp_path: Path) -> None:
    """Its data stays, and its oplog gets the configured size."""
    await make_old_folder(tmp_path)

    async with embedded_servers(tmp_path) as servers, Redis.from_url(servers.redis_url) as redis:
        assert await count(servers.mongodb_url) == 1
        assert await redis.get("job") == b"1"
        assert await oplog_mib(servers.mongodb_url) == DEFAULT_OPLOG_MIB
        with pytest.raises(OperationFailure):
            await count(f"mongodb://127.0.0.1:{port_of(servers.mongodb_url)}/?directConnection=true")


@pytest.mark.parametrize("text", [None, "damaged"])
async def test_lost_credentials_are_made_again(tmp_path: Path, text: str | None) -> None:
    """The data stays; the old passwords end."""
    file = tmp_path / "secrets" / "credentials.json"
    async with embedded_servers(tmp_path) as first:
        await insert(first.mongodb_url)
    file.unlink() if text is None else file.write_text(text)

    async with embedded_servers(tmp_path) as second, Redis.from_url(second.redis_url) as redis:
        assert await count(second.mongodb_url) == 1
        assert await redis.ping()
        old_password = urlsplit(first.mongodb_url).password
        stale = second.mongodb_url.replace(urlsplit(second.mongodb_url).password or "", old_password or "")
        with pytest.raises(OperationFailure, match="Authentication failed"):
            await count(stale)


async def test_killed_server_keeps_its_passwords(tmp_path: Path) -> None:
    restarted: dict[str, int] = {}

    async def are_back() -> bool:
        return set(restarted) == {"mongod", "valkey"}

    async with embedded_servers(tmp_path, on_restart=restarted.__setitem__) as servers:
        for pid in (servers.mongod_pid, servers.valkey_pid):
            os.kill(pid, signal.SIGKILL)
        await until(are_back)

        assert await count(servers.mongodb_url) == 0
        async with Redis.from_url(servers.redis_url) as redis:
            assert await redis.ping()


async def test_zlib_is_not_negotiated(running: EmbeddedServers) -> None:
    """This version of MongoDB leaks memory to clients that send zlib: CVE-2025-14847."""
    address = f"mongodb://127.0.0.1:{port_of(running.mongodb_url)}/?directConnection=true"

    async with AsyncMongoClient(address) as client:
        # The first message of a driver, which offers its compressors, needs no password.
        answer = await client.admin.command({"hello": 1, "compression": ["zlib", "snappy", "zstd"]})

    assert "compression" not in answer


async def test_zlib_message_is_not_read(running: EmbeddedServers) -> None:
    """An attacker does not negotiate: the server must close the connection without an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(running.mongodb_url))

    writer.write(compressed_hello())
    answer = await reader.read(1)

    assert answer == b""
    writer.close()


def compressed_hello() -> bytes:
    """Return a hello command in an OP_COMPRESSED message with zlib.

    See: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_compressed
    """
    message = struct.pack("<IB", 0, 0) + bson.encode({"hello": 1, "$db": "admin"})
    payload = struct.pack("<iiB", OP_MSG, len(message), ZLIB) + zlib.compress(message)
    return struct.pack("<iiii", 16 + len(payload), 1, 0, OP_COMPRESSED) + payload


async def oplog_mib(url: str) -> float:
    async with AsyncMongoClient(url) as client:
        statistics = await client.local["oplog.rs"].aggregate([{"$collStats": {"storageStats": {}}}])
        return (await statistics.to_list())[0]["storageStats"]["maxSize"] / 2**20


async def test_oplog_gets_the_configured_size(tmp_path: Path) -> None:
    """A new folder at once, an existing one at its next start."""
    async with embedded_servers(tmp_path) as servers:
        assert await oplog_mib(servers.mongodb_url) == DEFAULT_OPLOG_MIB

    for size_mib in (2000, MIN_OPLOG_MIB):
        async with embedded_servers(tmp_path, oplog_mib=size_mib) as servers:
            assert await oplog_mib(servers.mongodb_url) == size_mib
