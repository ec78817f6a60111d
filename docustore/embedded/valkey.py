"""Valkey with its journal on, so that queued jobs survive a crash."""

from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from docustore.embedded.ports import LOOPBACK


class Valkey:
    """How Valkey (or Redis, its sibling) is started and recognised."""

    name = "valkey"

    def command(self, *, binary: Path, folder: Path, port: int) -> list[str]:
        """Return the command line: loopback only, every write in the journal within a second."""
        return [
            str(binary), "--bind", LOOPBACK, "--protected-mode", "yes", "--port", str(port),
            "--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
            "--daemonize", "no",
        ]  # fmt: skip

    async def is_serving(self, *, folder: Path, port: int) -> bool:
        """Compare the server's own folder with ours; False while it still loads its journal."""
        try:
            async with Redis(host=LOOPBACK, port=port, decode_responses=True) as client:
                await client.ping()
                config: dict[str, str] = await client.config_get("dir")
        except (RedisError, OSError):
            return False
        return config.get("dir") == str(folder)


def redis_url(port: int) -> str:
    """Return the address of the first database."""
    return f"redis://{LOOPBACK}:{port}/0"
