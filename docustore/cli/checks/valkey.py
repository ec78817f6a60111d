"""Checks of Valkey: connection and persistence."""

from collections.abc import AsyncIterator
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from docustore.cli.checks.finding import Finding, failed, ok
from docustore.config import Settings

TIMEOUT_S: Final = 5.0


async def valkey_findings(settings: Settings) -> AsyncIterator[Finding]:
    """Yield the findings one by one; stops after a failed connection."""
    if settings.redis_url is None:
        yield failed("valkey", "no address", next_step="set DOCUSTORE_REDIS_URL beside DOCUSTORE_MONGODB_URL")
        return
    client = Redis.from_url(settings.redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    async with client:
        try:
            info = await client.info()
        except (RedisError, OSError) as exc:
            yield failed(
                "valkey",
                f"no answer ({type(exc).__name__})",
                next_step="check DOCUSTORE_REDIS_URL, its password and the network",
            )
            return
        version = info.get("valkey_version") or info.get("redis_version")
        yield ok("valkey", f"{info.get('server_name', 'redis')} {version}")
        yield _persistence_finding(info)


def _persistence_finding(info: dict[str, object]) -> Finding:
    if not info.get("aof_enabled"):
        return failed(
            "valkey persistence",
            "the append-only file is off: a restart loses queued jobs",
            next_step="start Valkey with --appendonly yes",
        )
    if info.get("aof_last_write_status") != "ok":
        return failed(
            "valkey persistence",
            "the last write to the append-only file failed",
            next_step="check the log and the disk of Valkey",
        )
    return ok("valkey persistence", "append-only file")
