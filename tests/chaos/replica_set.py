"""A replica set of three members and a Valkey, to be killed and started again."""

import asyncio
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
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
from tests.tcp_proxy import TcpProxy, tcp_proxy
from tests.waiting import until

SET = "chaos"
MEMBERS = 3
# The default of ten seconds would be most of the time of a test.
ELECTION_TIMEOUT_MS = 2000
OPLOG_MIB = 256
# The server would reserve 300 MB for each member at its start.
SMALL_JOURNAL = ("--wiredTigerEngineConfigString", "log=(prealloc=false,file_max=10MB)")


@dataclass(slots=True, kw_only=True)
class Server:
    """A server process on a port of its own, with data that outlive a kill.

    Where it has a proxy, clients and the other members find it only through that.
    """

    command: tuple[str, ...]
    port: int
    proxy: TcpProxy | None = None
    process: Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port if self.proxy is None else self.proxy.port}"

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(*self.command, stdout=DEVNULL, stderr=DEVNULL)

    async def kill(self) -> None:
        """Send SIGKILL, as in a power cut."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def freeze(self) -> None:
        """Send SIGSTOP: its connections stay open, and it answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@dataclass(slots=True, kw_only=True)
class ReplicaSet:
    """Three members; at most one is away."""

    members: list[Server] = field(default_factory=list)

    @property
    def url(self) -> str:
        hosts = ",".join(member.address for member in self.members)
        return f"mongodb://{hosts}/?replicaSet={SET}"

    async def primary(self, *, other_than: Server | None = None) -> Server | None:
        """Ask the members; None during an election."""
        for member in self.members:
            if member is not other_than and (await _hello(member.port)).get("isWritablePrimary"):
                return member
        return None

    async def present_primary(self) -> Server:
        """Wait for a primary."""
        while (found := await self.primary()) is None:
            await until(self.primary, what="a primary")
        return found

    async def kill_primary(self) -> None:
        """Kill the primary, wait for the next one, and start the killed one again."""
        victim = await self.present_primary()
        await victim.kill()
        await until(self.primary, what="the next primary")
        await victim.start()
        await self.wait_for_member(victim)

    async def wait_for_member(self, member: Server) -> None:
        """Wait until a member that was away takes part again."""
        await until(lambda: self._is_member(member), what="the member that was away")

    async def _is_member(self, server: Server) -> bool:
        hello = await _hello(server.port)
        return bool(hello.get("secondary") or hello.get("isWritablePrimary"))


@asynccontextmanager
async def direct_client(server: Server) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    """Connect to one member past its proxy; writes wait for no other member."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        "127.0.0.1", server.port, directConnection=True, serverSelectionTimeoutMS=500, w=1
    )
    async with client:
        yield client


@asynccontextmanager
async def three_members(
    folder: Path, *, oplog_mib: int = OPLOG_MIB, is_behind_proxies: bool = False
) -> AsyncIterator[ReplicaSet]:
    """Run a replica set without accounts, on loopback.

    Args:
        oplog_mib: Size of each member's oplog. The server drops nothing that is newer than its last checkpoint, so
            a small oplog needs frequent ones.
        is_behind_proxies: Let clients and members reach each member only through a proxy of its own.
    """
    binary = str(await find_mongod(SearchPlaces()))
    checkpoints = () if oplog_mib >= OPLOG_MIB else ("--syncdelay", "1")
    replica_set = ReplicaSet()
    for number in range(MEMBERS):
        data = folder / f"member{number}"
        data.mkdir(parents=True)
        port = free_port()
        command = (
            binary, "--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket",
            "--replSet", SET, "--oplogSize", str(oplog_mib), "--wiredTigerCacheSizeGB", "0.25",
            "--setParameter", "diagnosticDataCollectionEnabled=false", *SMALL_JOURNAL, *checkpoints,
        )  # fmt: skip
        replica_set.members.append(Server(command=command, port=port))
    async with AsyncExitStack() as stack:
        for member in replica_set.members:
            if is_behind_proxies:
                member.proxy = await stack.enter_async_context(tcp_proxy("127.0.0.1", member.port))
            stack.push_async_callback(member.kill)
            await member.start()
        await _initiate(replica_set)
        yield replica_set


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


async def restart_valkey(server: Server, *, outage_s: float) -> None:
    """Kill it, and start it again after a while."""
    await server.kill()
    await asyncio.sleep(outage_s)
    await server.start()
    await until(lambda: answers(server), what="Valkey")


async def answers(server: Server) -> bool:
    async with Redis(host="127.0.0.1", port=server.port) as client:
        with suppress(RedisError, OSError):
            return bool(await client.ping())
    return False


async def _hello(port: int) -> dict[str, Any]:
    # A frozen member accepts a connection and does not answer.
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500, connectTimeoutMS=500, timeoutMS=500
    )
    async with client:
        with suppress(PyMongoError):
            return dict(await client.admin.command("hello"))
    return {}


async def _initiate(replica_set: ReplicaSet) -> None:
    first = replica_set.members[0]
    for member in replica_set.members:
        await until(partial(_hello, member.port), what="a member")
    hosts = [{"_id": number, "host": each.address} for number, each in enumerate(replica_set.members)]
    settings = {"electionTimeoutMillis": ELECTION_TIMEOUT_MS}
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient("127.0.0.1", first.port, directConnection=True)
    async with client:
        await client.admin.command("replSetInitiate", {"_id": SET, "members": hosts, "settings": settings})
    await until(replica_set.primary, what="the first primary")
