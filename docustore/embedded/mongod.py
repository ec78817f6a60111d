"""MongoDB as a one-member replica set, which transactions and change streams need."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from docustore.embedded.ports import LOOPBACK
from docustore.errors import EmbeddedServerError

REPLICA_SET: Final = "rs0"
# How far back a stopped listener may resume: 2 GiB is some 2 million user changes with images.
OPLOG_MIB: Final = 2048
MIN_CACHE_GIB: Final = 0.25
MAX_CACHE_GIB: Final = 2.0
# Server error codes: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
NOT_YET_INITIALIZED: Final = 94
CONFIGURATION_IN_PROGRESS: Final = 109
INTERRUPTED_DUE_TO_REPL_STATE_CHANGE: Final = 11602
# Seen while the server still reads its stored configuration, or changes its role.
PASSING_CODES: Final = frozenset(
    {NOT_YET_INITIALIZED, CONFIGURATION_IN_PROGRESS, INTERRUPTED_DUE_TO_REPL_STATE_CHANGE}
)
PRIMARY_TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.02

Admin = AsyncMongoClient[dict[str, Any]]


class Mongod:
    """How mongod is started and recognised."""

    name = "mongod"

    def command(self, *, binary: Path, folder: Path, port: int) -> list[str]:
        """Return the command line: loopback only, no Unix socket (its path has a length limit), small caches."""
        return [
            str(binary), "--dbpath", str(folder), "--port", str(port), "--bind_ip", LOOPBACK, "--nounixsocket",
            "--replSet", REPLICA_SET, "--oplogSize", str(OPLOG_MIB),
            "--wiredTigerCacheSizeGB", f"{_cache_gib():.2f}", "--quiet",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            # The default waits up to 15 s for a secondary to take over; there is none.
            "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100",
        ]  # fmt: skip

    async def is_serving(self, *, folder: Path, port: int) -> bool:
        """Compare the server's own data path with ours."""
        try:
            async with _direct(port) as client:
                options = await client.admin.command("getCmdLineOpts")
        except PyMongoError:
            return False
        return bool(options["parsed"].get("storage", {}).get("dbPath") == str(folder))


def mongodb_url(port: int) -> str:
    """Return the address that drivers discover the replica set by."""
    return f"mongodb://{LOOPBACK}:{port}/?replicaSet={REPLICA_SET}"


async def ensure_primary(port: int) -> None:
    """Make the server the one primary of its set, under its present address, and wait until it is.

    Raises:
        EmbeddedServerError: It did not become primary in time.
    """
    address = f"{LOOPBACK}:{port}"
    deadline = time.monotonic() + PRIMARY_TIMEOUT_S
    async with _direct(port) as client:
        while not await _is_primary(client, address):
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"mongod on port {port} did not become primary within {PRIMARY_TIMEOUT_S:g} s: see its log"
                )
            await asyncio.sleep(POLL_S)


async def _is_primary(client: Admin, address: str) -> bool:
    """Bring the set one step closer to its one primary; True when nothing is left to do."""
    try:
        if await client.local["system.replset"].find_one({}) is None:
            member = {"_id": 0, "host": address}
            await client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
        config = (await client.admin.command("replSetGetConfig"))["config"]
        if [member["host"] for member in config["members"]] != [address]:
            await _move(client, config, address)
        return bool((await client.admin.command("hello")).get("isWritablePrimary"))
    except ConnectionFailure:  # the server closes every connection when its role changes
        return False
    except OperationFailure as exc:
        if exc.code in PASSING_CODES:
            return False
        raise EmbeddedServerError(f"mongod cannot become a replica set: {exc}") from exc


async def _move(client: Admin, config: dict[str, Any], address: str) -> None:
    # The port changed since the last start. Forced, because a set that does not find its own address among
    # its members has no primary that could agree; safe, because the set has no other member.
    member = {**config["members"][0], "host": address}
    changed = {**config, "version": config["version"] + 1, "members": [member]}
    await client.admin.command("replSetReconfig", changed, force=True)


@asynccontextmanager
async def _direct(port: int) -> AsyncIterator[Admin]:
    client: Admin = AsyncMongoClient(
        LOOPBACK, port, directConnection=True, serverSelectionTimeoutMS=2000, appname="docustore-embedded"
    )
    async with client:
        yield client


def _cache_gib() -> float:
    """A quarter of the machine's memory within bounds: several such servers may share a laptop."""
    memory_gib: float = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return min(MAX_CACHE_GIB, max(MIN_CACHE_GIB, memory_gib / 4))
