"""Enqueue wake-ups through arq.

Tasks are enqueued by name, so this module does not import the workers.
The ledger decides which runs exist, not the queue: the next tick repeats a lost wake-up.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.constants import (
    health_check_key_suffix,
    in_progress_key_prefix,
    job_key_prefix,
    retry_key_prefix,
)
from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import RedisError

from docustore.config import Settings
from docustore.errors import ConfigurationError, QueueUnavailableError

QUEUE_NAME: Final = "docustore:queue"
# Any living worker writes it; it expires without one.
WORKER_KEY: Final = f"{QUEUE_NAME}{health_check_key_suffix}"
RUN_TASK: Final = "run_etl"
CERTIFICATE_OPTIONS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
# A worker that dies after it took a wake-up and before it claimed the run leaves arq's lock on that job. After
# this time a run that is still due gets another job.
WAKE_UP: Final = timedelta(seconds=30)
_RUN_JOB: Final = "run"
# arq's id of a cron job: its name and its time in milliseconds.
_TICK_JOB: Final = "cron:tick"
# A later tick has done the work of an older one. Its job is only here because the worker that took it is dead.
_TICK_IS_OLD: Final = timedelta(minutes=2)

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


async def enqueue_run(queue: Queue, run_id: str, *, fence: int, now: datetime) -> bool:
    """Wake a worker for a run; False if already enqueued in this half minute.

    Args:
        fence: How many times the run has been claimed so far.

    Raises:
        QueueUnavailableError: Valkey does not answer. The run stays due and the next tick retries.
    """
    try:
        job = await queue.enqueue_job(RUN_TASK, run_id, _job_id=_job_id(run_id, fence=fence, now=now))
    except (RedisError, OSError) as exc:
        raise QueueUnavailableError("Valkey does not answer: check DOCUSTORE_REDIS_URL") from exc
    return job is not None


async def queued_jobs(queue: Queue) -> list[str]:
    """List the ids of all jobs, also of those that a worker has taken."""
    return [job_id.decode() for job_id in await queue.zrange(QUEUE_NAME, 0, -1)]


def stale_jobs(job_ids: Collection[str], *, due: Mapping[str, int], now: datetime) -> list[str]:
    """List the jobs that can wake a worker for nothing.

    arq reads a limited number of jobs at a time, and jobs that dead workers have locked come first. Enough of them
    would hide the others.

    Args:
        job_ids: Jobs that were listed before `due` was read.
        due: The fence of each due run, by the id of the run.
    """
    current = {_job_id(run_id, fence=fence, now=now) for run_id, fence in due.items()}
    return [job_id for job_id in job_ids if job_id not in current and _is_replaced(job_id, now=now)]


async def remove_jobs(queue: Queue, job_ids: Collection[str]) -> None:
    """Remove jobs together with the locks that dead workers left on them."""
    if not job_ids:
        return
    prefixes = (job_key_prefix, in_progress_key_prefix, retry_key_prefix)
    async with queue.pipeline(transaction=True) as pipe:
        pipe.zrem(QUEUE_NAME, *job_ids)
        pipe.delete(*(f"{prefix}{job_id}" for prefix in prefixes for job_id in job_ids))
        await pipe.execute()


def _job_id(run_id: str, *, fence: int, now: datetime) -> str:
    # The fence is part of the id: the lock of a killed worker's job must not delay the next attempt.
    return f"{_RUN_JOB}:{run_id}:{fence}:{now.timestamp() // WAKE_UP.total_seconds():.0f}"


def _is_replaced(job_id: str, *, now: datetime) -> bool:
    kind, _, moment = job_id.rpartition(":")
    if kind == _TICK_JOB:
        return now.timestamp() - int(moment) / 1000 > _TICK_IS_OLD.total_seconds()
    return job_id.startswith(f"{_RUN_JOB}:")
