"""Enqueue wake-ups through arq.

Tasks are enqueued by name, so this module does not import the workers.
The ledger decides which runs exist, not the queue: the next tick repeats a lost wake-up.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import RedisError

from docustore.config import Settings
from docustore.errors import ConfigurationError, QueueUnavailableError

QUEUE_NAME: Final = "docustore:queue"
RUN_TASK: Final = "run_etl"
CERTIFICATE_OPTIONS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
# A worker that dies after it took a wake-up and before it claimed the run leaves arq's lock on that job. The lock
# lasts as long as the longest run may take. After this time a run that is still due gets another job.
WAKE_UP: Final = timedelta(minutes=5)

Queue = ArqRedis


def serialize(job: dict[str, Any]) -> bytes:
    """Encode a job as JSON; an unknown type, such as an exception, becomes its text."""
    return msgspec.json.encode(job, enc_hook=repr)


def deserialize(raw: bytes) -> dict[str, Any]:
    """Decode a job."""
    decoded: dict[str, Any] = msgspec.json.decode(raw)
    return decoded


def redis_settings(settings: Settings) -> RedisSettings:
    """Translate the configured URL, with certificate options in its query.

    Example: `rediss://valkey:6379/0?ssl_ca_certs=/run/ca.pem`.

    Raises:
        ConfigurationError: No URL is configured, or it is malformed.
    """
    if settings.redis_url is None:
        raise ConfigurationError(setting="DOCUSTORE_REDIS_URL", problem="not set; or start with `docustore up`")
    try:
        # arq's own parser does not unquote passwords and ignores certificate options.
        address: dict[str, Any] = {**parse_url(settings.redis_url)}
    except ValueError as exc:
        problem = "not a redis://, rediss:// or unix:// URL"
        raise ConfigurationError(setting="DOCUSTORE_REDIS_URL", problem=problem) from exc
    # A certificate for another host proves nothing, so the host name is checked unless certificates are off.
    certificates: dict[str, Any] = {"ssl_check_hostname": address.get("ssl_cert_reqs") != "none"}
    certificates |= {name: address[name] for name in CERTIFICATE_OPTIONS if name in address}
    return RedisSettings(
        host=address.get("host", "localhost"),
        port=address.get("port", 6379),
        unix_socket_path=address.get("path"),
        database=address.get("db", 0),
        username=address.get("username"),
        password=address.get("password"),
        ssl=address.get("connection_class") is SSLConnection,
        **certificates,
    )


@asynccontextmanager
async def open_queue(settings: Settings) -> AsyncIterator[Queue]:
    """Connect to the queue.

    Raises:
        QueueUnavailableError: Valkey does not answer.
    """
    try:
        queue = await create_pool(
            redis_settings(settings),
            job_serializer=serialize,
            job_deserializer=deserialize,
            default_queue_name=QUEUE_NAME,
        )
    except (RedisError, OSError) as exc:
        raise QueueUnavailableError("Valkey does not answer: check DOCUSTORE_REDIS_URL") from exc
    try:
        yield queue
    finally:
        await queue.aclose()


async def enqueue_run(queue: Queue, run_id: str, *, attempt: int, now: datetime) -> bool:
    """Wake a worker for a run; False if already enqueued in this five-minute window.

    Args:
        attempt: How many times the run has been claimed so far.

    Raises:
        QueueUnavailableError: Valkey does not answer. The run stays due and the next tick retries.
    """
    try:
        # The attempt is part of the id: the lock of a killed worker's job must not delay the next attempt.
        job_id = f"run:{run_id}:{attempt}:{now.timestamp() // WAKE_UP.total_seconds():.0f}"
        job = await queue.enqueue_job(RUN_TASK, run_id, _job_id=job_id)
    except (RedisError, OSError) as exc:
        raise QueueUnavailableError("Valkey does not answer: check DOCUSTORE_REDIS_URL") from exc
    return job is not None
