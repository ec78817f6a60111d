"""MongoDB as a replica set of one, as transactions and change streams need it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from docustore.embedded.accounts import give_passwords
from docustore.embedded.binaries import find_mongod
from docustore.embedded.credentials import FOLDER, ROOT_USER, SERVICE_USER, Credentials
from docustore.embedded.oplog import resize_oplog
from docustore.embedded.ports import LOOPBACK
from docustore.embedded.private_files import make_private_folder, write_private
from docustore.embedded.replica_set import REPLICA_SET, Admin, ensure_primary, must_restart_to_move
from docustore.errors import EmbeddedServerError

MIN_CACHE_GIB: Final = 0.25
MAX_CACHE_GIB: Final = 2.0
KEY_FILE: Final = "mongodb.key"
# The account of the members of a replica set. Its password is the key of the set, and it may do everything.
INTERNAL_USER: Final = "__system"
INTERNAL_DATABASE: Final = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mongod:
    """Starts and recognises mongod."""

    name: ClassVar[str] = "mongod"
    find = staticmethod(find_mongod)

    credentials: Credentials
    oplog_mib: int

    def command(self, *, binary: Path, folder: Path, port: int) -> list[str]:
        """Write the key file, and return the command line.

        The server is on loopback only, has small caches, and refuses every client without a password. It has no
        Unix socket, because the length of its path is limited.
        """
        secrets = folder.parent / FOLDER
        make_private_folder(secrets)
        write_private(secrets / KEY_FILE, self.credentials.mongodb_key)
        return [
            str(binary), "--dbpath", str(folder), "--port", str(port), "--bind_ip", LOOPBACK, "--nounixsocket",
            "--replSet", REPLICA_SET, "--oplogSize", str(self.oplog_mib),
            "--wiredTigerCacheSizeGB", f"{_cache_gib():.2f}", "--quiet",
            "--auth", "--keyFile", str(secrets / KEY_FILE),
            # Else any program on this machine could create the first account of a new folder.
            "--setParameter", "enableLocalhostAuthBypass=false",
            # This version has CVE-2025-14847 in its zlib compressor; loopback needs no compression.
            "--networkMessageCompressors", "disabled",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            # The default waits up to 15 s for a secondary to take over, but there is none.
            "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100",
        ]  # fmt: skip

    async def is_serving(self, *, folder: Path, port: int) -> bool:
        """Compare the data path of the server with the folder."""
        try:
            async with self._admin(port) as client:
                options = await client.admin.command("getCmdLineOpts")
        except PyMongoError:
            return False
        return bool(options["parsed"].get("storage", {}).get("dbPath") == str(folder))

    async def make_ready(self, port: int) -> bool:
        """Make the server a primary with accounts; False when it must restart first.

        Raises:
            EmbeddedServerError: It ended meanwhile, or did not become primary in time.
        """
        try:
            async with self._admin(port) as client:
                if await must_restart_to_move(client, port):
                    return False
                await ensure_primary(client, port)
                await give_passwords(client, self.credentials)
                await resize_oplog(client, mib=self.oplog_mib)
        except PyMongoError as exc:
            raise EmbeddedServerError(f"mongod ended while it was made a replica set: {exc}") from exc
        return True

    def service_url(self, port: int) -> str:
        """Return the address for the service; drivers discover the replica set from it."""
        return _url(port, SERVICE_USER, self.credentials.mongodb_password)

    def root_url(self, port: int) -> str:
        """Return the address for an account that may do everything."""
        return _url(port, ROOT_USER, self.credentials.mongodb_root_password)

    @asynccontextmanager
    async def _admin(self, port: int) -> AsyncIterator[Admin]:
        """Connect as a member of the set.

        This account exists before all others, so no first account is needed, and lost passwords are replaced.
        """
        client: Admin = AsyncMongoClient[dict[str, Any]](
            LOOPBACK,
            port,
            username=INTERNAL_USER,
            password=self.credentials.mongodb_key,
            authSource=INTERNAL_DATABASE,
            authMechanism="SCRAM-SHA-256",
            directConnection=True,
            serverSelectionTimeoutMS=2000,
            appname="docustore-embedded",
        )
        async with client:
            yield client


def _url(port: int, user: str, password: str) -> str:
    return f"mongodb://{user}:{password}@{LOOPBACK}:{port}/?replicaSet={REPLICA_SET}&authSource=admin"


def _cache_gib() -> float:
    """Return a quarter of the memory within bounds, as servers share a laptop."""
    memory_gib: float = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return min(MAX_CACHE_GIB, max(MIN_CACHE_GIB, memory_gib / 4))
