"""Valkey with its append-only file on, so that queued jobs survive a crash."""

from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from docustore.embedded.binaries import find_valkey
from docustore.embedded.ports import LOOPBACK


class Valkey:
    """Starts and recognises Valkey, or Redis."""

    name = "valkey"
    find = staticmethod(find_valkey)

    def command(self, *, binary: Path, folder: Path, port: int) -> list[str]:
        """Return the command line: loopback only, writes on disk within a second."""
        return [
            str(binary), "--bind", LOOPBACK, "--protected-mode", "yes", "--port", str(port),
            "--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
            "--daemonize", "no",
        ]  # fmt: skip

    async def is_serving(self, *, folder: Path, port: int) -> bool:
        """Compare the folder of the server with ours; False while it loads its data."""
        try:
            async with Redis(host=LOOPBACK, port=port, decode_responses=True) as client:
                await client.ping()
                config: dict[str, str] = await client.config_get("dir")
        except (RedisError, OSError):
            return False
        return config.get("dir") == str(folder)

    async def make_ready(self, port: int) -> bool:
        """Return True: an answering Valkey is ready."""
        del port
        return True


def redis_url(port: int) -> str:
    """Return the address of the first database."""
    return f"redis://{LOOPBACK}:{port}/0"
