"""Checks of Valkey: connection and persistence."""

from collections.abc import AsyncIterator
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError

from docustore.cli.checks.finding import Finding, failed, ok
from docustore.config import Settings

TIMEOUT_S: Final = 5.0


async def valkey_findings(settings: Settings) -> AsyncIterator[Finding]:
    """Yield the findings one by one; stops after a failed connection."""
    if settings.redis_url is None:
        yield failed("valkey", "no address", next_step="set DOCUSTORE_REDIS_URL beside DOCUSTORE_MONGODB_URL")
        return
    try:
        client = Redis.from_url(settings.redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    except ValueError:
        seen = "its URL cannot be used; the form is redis://:PASSWORD@HOST:PORT/0"
        yield failed("valkey", seen, next_step="correct DOCUSTORE_REDIS_URL")
        return
    async with client:
        try:
            info = await client.info()
        except AuthenticationError:
            step = "correct user and password in DOCUSTORE_REDIS_URL"
            yield failed("valkey", "refuses the credentials", next_step=step)
            return
        except (RedisError, OSError) as exc:
            yield failed(
                "valkey",
                f"no answer ({type(exc).__name__})",
                next_step="start Valkey, or correct host and port in DOCUSTORE_REDIS_URL",
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
