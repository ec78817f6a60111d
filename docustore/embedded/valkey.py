"""Valkey with its append-only file on, so that queued jobs survive a crash."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from docustore.embedded.binaries import find_valkey
from docustore.embedded.credentials import FOLDER, SERVICE_USER, Credentials
from docustore.embedded.ports import LOOPBACK
from docustore.embedded.private_files import make_private_folder, write_private

CONFIGURATION: Final = "valkey.conf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Valkey:
    """Starts and recognises Valkey, or Redis 6 and later."""

    name: ClassVar[str] = "valkey"
    find = staticmethod(find_valkey)

    credentials: Credentials

    def command(self, *, binary: Path, folder: Path, port: int) -> list[str]:
        """Write the accounts into a file, and return the command line.

        The server is on loopback only, refuses every client without a password, and writes on disk within a
        second.
        """
        secrets = folder.parent / FOLDER
        make_private_folder(secrets)
        write_private(secrets / CONFIGURATION, self._accounts())
        return [
            str(binary), str(secrets / CONFIGURATION),
            "--bind", LOOPBACK, "--protected-mode", "yes", "--port", str(port),
            "--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
            "--daemonize", "no",
        ]  # fmt: skip

    async def is_serving(self, *, folder: Path, port: int) -> bool:
        """Compare the folder of the server with ours; False while it loads its data."""
        try:
            async with Redis.from_url(self.url(port), decode_responses=True) as client:
                await client.ping()
                config: dict[str, str] = await client.config_get("dir")
        except (RedisError, OSError):
            return False
        return config.get("dir") == str(folder)

    async def make_ready(self, port: int) -> bool:
        """Return True: an answering Valkey is ready."""
        del port
        return True

    def url(self, port: int) -> str:
        """Return the address of the first database."""
        return f"redis://{SERVICE_USER}:{self.credentials.valkey_password}@{LOOPBACK}:{port}/0"

    def _accounts(self) -> str:
        digest = hashlib.sha256(self.credentials.valkey_password.encode()).hexdigest()
        return f"user default off\nuser {SERVICE_USER} on #{digest} ~* &* +@all\n"
