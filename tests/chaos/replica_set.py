"""A replica set of three members and a Valkey, to be killed and started again."""

import asyncio
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from docustore.embedded.binaries import SearchPlaces, find_mongod, find_valkey
from docustore.embedded.ports import free_port
from tests.waiting import until

SET = "chaos"
MEMBERS = 3
# The default of ten seconds would be most of the time of a test.
ELECTION_TIMEOUT_MS = 2000


@dataclass(slots=True, kw_only=True)
class Server:
    """A server process on a port of its own, with data that outlive a kill."""

    command: tuple[str, ...]
    port: int
    process: Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(*self.command, stdout=DEVNULL, stderr=DEVNULL)

    async def kill(self) -> None:
        """Send SIGKILL, as in a power cut."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@dataclass(slots=True, kw_only=True)
class ReplicaSet:
    """Three members; at most one is away."""

    members: list[Server] = field(default_factory=list)

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in self.members)
        return f"mongodb://{hosts}/?replicaSet={SET}"

    async def primary(self) -> Server | None:
        """Ask the members; None during an election."""
        for member in self.members:
            if (await _hello(member.port)).get("isWritablePrimary"):
                return member
        return None

    async def kill_primary(self) -> None:
        """Kill the primary, wait for the next one, and start the killed one again."""
        await until(self.primary, what="a primary")
        victim = await self.primary()
        if victim is None:
            return
        await victim.kill()
        await until(self.primary, what="the next primary")
        await victim.start()
        await until(lambda: self._is_member(victim), what="the member that was killed")

    async def _is_member(self, server: Server) -> bool:
        hello = await _hello(server.port)
        return bool(hello.get("secondary") or hello.get("isWritablePrimary"))


@asynccontextmanager
async def three_members(folder: Path) -> AsyncIterator[ReplicaSet]:
    """Run a replica set without accounts, on loopback."""
    binary = str(await find_mongod(SearchPlaces()))
    replica_set = ReplicaSet()
    for number in range(MEMBERS):
        data = folder / f"member{number}"
        data.mkdir(parents=True)
        port = free_port()
        command = (
            binary, "--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket",
            "--replSet", SET, "--oplogSize", "256", "--wiredTigerCacheSizeGB", "0.25",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
        )  # fmt: skip
        replica_set.members.append(Server(command=command, port=port))
    try:
        for member in replica_set.members:
            await member.start()
        await _initiate(replica_set)
        yield replica_set
    finally:
        for member in replica_set.members:
            await member.kill()


@asynccontextmanager
async def valkey(folder: Path) -> AsyncIterator[Server]:
    """Run a Valkey that writes each command to disk."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    port = free_port()
    options = ("--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes", "--save", "")
    command = (str(await find_valkey(SearchPlaces())), "--port", str(port), *options)
    server = Server(command=command, port=port)
    try:
        await server.start()
        await until(lambda: answers(server), what="Valkey")
        yield server
    finally:
        await server.kill()


async def answers(server: Server) -> bool:
    async with Redis(host="127.0.0.1", port=server.port) as client:
        with suppress(RedisError, OSError):
            return bool(await client.ping())
    return False


async def _hello(port: int) -> dict[str, Any]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500
    )
    async with client:
        with suppress(PyMongoError):
            return dict(await client.admin.command("hello"))
    return {}


async def _initiate(replica_set: ReplicaSet) -> None:
    first = replica_set.members[0]
    for member in replica_set.members:
        await until(partial(_hello, member.port), what="a member")
    hosts = [{"_id": number, "host": f"127.0.0.1:{each.port}"} for number, each in enumerate(replica_set.members)]
    settings = {"electionTimeoutMillis": ELECTION_TIMEOUT_MS}
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient("127.0.0.1", first.port, directConnection=True)
    async with client:
        await client.admin.command("replSetInitiate", {"_id": SET, "members": hosts, "settings": settings})
    await until(replica_set.primary, what="the first primary")
