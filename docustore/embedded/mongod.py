"""MongoDB as a replica set of one, as transactions and change streams need it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from pymongo import AsyncMongoClient, WriteConcern
from pymongo.errors import PyMongoError

from docustore.embedded.binaries import find_mongod
from docustore.embedded.ports import LOOPBACK
from docustore.errors import EmbeddedServerError

REPLICA_SET: Final = "rs0"
# Bounds how long a listener may be stopped: 2 GiB hold about 2 million user changes with images.
OPLOG_MIB: Final = 2048
MIN_CACHE_GIB: Final = 0.25
MAX_CACHE_GIB: Final = 2.0
CONFIG_COLLECTION: Final = "system.replset"
PRIMARY_TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.02

Admin = AsyncMongoClient[dict[str, Any]]


class Mongod:
    """Starts and recognises mongod."""

    name = "mongod"
    find = staticmethod(find_mongod)

    def command(self, *, binary: Path, folder: Path, port: int) -> list[str]:
        """Return the command line: loopback only, small caches.

        No Unix socket, because the length of its path is limited.
        """
        return [
            str(binary), "--dbpath", str(folder), "--port", str(port), "--bind_ip", LOOPBACK, "--nounixsocket",
            "--replSet", REPLICA_SET, "--oplogSize", str(OPLOG_MIB),
            "--wiredTigerCacheSizeGB", f"{_cache_gib():.2f}", "--quiet",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            # The default waits up to 15 s for a secondary to take over, but there is none.
            "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100",
        ]  # fmt: skip

    async def is_serving(self, *, folder: Path, port: int) -> bool:
        """Compare the data path of the server with the folder."""
        try:
            async with _direct(port) as client:
                options = await client.admin.command("getCmdLineOpts")
        except PyMongoError:
            return False
        return bool(options["parsed"].get("storage", {}).get("dbPath") == str(folder))

    async def make_ready(self, port: int) -> bool:
        """Make the server a primary; False when it must restart to read its address.

        Raises:
            EmbeddedServerError: It ended meanwhile, or did not become primary in time.
        """
        try:
            if await must_restart_to_move(port):
                return False
            await ensure_primary(port)
        except PyMongoError as exc:
            raise EmbeddedServerError(f"mongod ended while it was made a replica set: {exc}") from exc
        return True


def mongodb_url(port: int) -> str:
    """Return the address from which drivers discover the replica set."""
    return f"mongodb://{LOOPBACK}:{port}/?replicaSet={REPLICA_SET}"


async def must_restart_to_move(port: int) -> bool:
    """Store the server's current address in its replica-set configuration.

    Returns:
        True when another address was stored. The server reads the new one only at its next start.

    A forced `replSetReconfig` needs no restart, but the server first connects to the old address. That takes 30 s
    when a program there accepts connections and never answers. The write is safe: the set has no other member
    that could hold another configuration.
    """
    async with _direct(port) as client:
        journaled = client.local.get_collection(CONFIG_COLLECTION, write_concern=WriteConcern(w=1, j=True))
        result = await journaled.update_one(
            {"_id": REPLICA_SET, "members.0.host": {"$ne": _address(port)}},
            {"$set": {"members.0.host": _address(port)}, "$inc": {"version": 1}},
        )
        return result.modified_count > 0


async def ensure_primary(port: int) -> None:
    """Make the server the primary of its replica set, and wait for it.

    Raises:
        EmbeddedServerError: It did not become primary in time.
    """
    deadline = time.monotonic() + PRIMARY_TIMEOUT_S
    async with _direct(port) as client:
        await _initiate_once(client, port)
        while not (await client.admin.command("hello")).get("isWritablePrimary"):
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"mongod on port {port} did not become primary within {PRIMARY_TIMEOUT_S:g} s: see its log"
                )
            await asyncio.sleep(POLL_S)


async def _initiate_once(client: Admin, port: int) -> None:
    if await client.local.get_collection(CONFIG_COLLECTION).find_one({}) is None:
        member = {"_id": 0, "host": _address(port)}
        await client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})


def _address(port: int) -> str:
    return f"{LOOPBACK}:{port}"


@asynccontextmanager
async def _direct(port: int) -> AsyncIterator[Admin]:
    client: Admin = AsyncMongoClient(
        LOOPBACK, port, directConnection=True, serverSelectionTimeoutMS=2000, appname="docustore-embedded"
    )
    async with client:
        yield client


def _cache_gib() -> float:
    """Return a quarter of the memory within bounds, as servers share a laptop."""
    memory_gib: float = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return min(MAX_CACHE_GIB, max(MIN_CACHE_GIB, memory_gib / 4))
