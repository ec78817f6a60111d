"""Checks of what runs: worker, schedule, alerts, lineage."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Final

from pymongo.errors import PyMongoError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from docustore.alerts import UndeliveredError, check_address, place_of
from docustore.cli.checks.finding import Finding, failed, not_read, ok, skipped, warning
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.document_models import open_database
from docustore.etl.alert_outbox import undelivered
from docustore.etl.lineage_outbox import lineage_backlog
from docustore.etl.source_status import SourceStatus, source_statuses
from docustore.queue import WORKER_KEY

TIMEOUT_S: Final = 5.0


async def operation_findings(settings: Settings) -> list[Finding]:
    """Check worker, schedule, alerts and lineage."""
    try:
        async with open_database(settings, app_name="docustore-doctor") as database:
            statuses = await source_statuses(database, settings.sources, now=now_utc())
            return [
                await _worker(settings),
                *schedule_findings(statuses),
                *await _alerts(database, settings),
                await _lineage(database, settings),
            ]
    except PyMongoError as exc:
        return [not_read("schedule", exc)]


def schedule_findings(statuses: Iterable[SourceStatus]) -> Iterator[Finding]:
    """Judge whether each source has its runs. Pure."""
    for status in statuses:
        check = f"schedule {status.name}"
        if status.pause is not None:
            why = f" ({status.pause.reason})" if status.pause.reason else ""
            yield warning(
                check, f"paused{why}", next_step=f"run `docustore etl resume {status.name}` when it may go on"
            )
        elif status.is_overdue:
            last = f"{status.last_success_at:%Y-%m-%d %H:%M} UTC" if status.last_success_at else "never"
            yield warning(check, f"overdue; last success: {last}", next_step=_step_of_overdue(status))
        elif status.next_slot is not None:
            yield ok(check, f"{status.schedule}; next {status.next_slot:%Y-%m-%d %H:%M} UTC")


def _step_of_overdue(status: SourceStatus) -> str:
    if status.waits_for:
        others = ", ".join(status.waits_for)
        return f"fix {others}, or run `docustore etl release {status.name}`"
    if status.last_error:
        return f"last run: {status.last_error}"
    return "start a worker, or look at `docustore etl runs`"


async def _worker(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return skipped("worker", "no queue is configured")
    try:
        url, timeout_s = settings.redis_url, TIMEOUT_S
        async with Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s) as client:
            is_alive = await client.exists(WORKER_KEY)
    except (RedisError, OSError, ValueError) as exc:
        return skipped("worker", f"Valkey does not answer ({type(exc).__name__})")
    if is_alive:
        return ok("worker", "alive")
    return warning(
        "worker", "none is alive: no source is read", next_step="start one: `docustore worker`, or `up`"
    )


async def _alerts(database: Database, settings: Settings) -> list[Finding]:
    if not settings.alert_urls:
        return [skipped("alerts", "no address: set DOCUSTORE_ALERT_URLS to be told of failures")]
    forms = await asyncio.gather(*(_address(url) for url in settings.alert_urls))
    waiting = await undelivered(database)
    if not waiting:
        return list(forms)
    refused = sorted({d["place"] for message in waiting for d in message["deliveries"].values() if d["error"]})
    return [
        *forms,
        warning(
            "alert delivery",
            f"{len(waiting)} messages were not taken by {', '.join(refused)}",
            next_step="run `docustore alerts test`, correct the address, then `docustore alerts retry`",
        ),
    ]


async def _address(url: str) -> Finding:
    check = f"alert address {place_of(url)}"
    try:
        await check_address(url)
    except UndeliveredError as exc:
        return failed(check, str(exc), next_step="correct DOCUSTORE_ALERT_URLS, then run `docustore alerts test`")
    return ok(check, "its form is right; `docustore alerts test` sends a message")


async def _lineage(database: Database, settings: Settings) -> Finding:
    backlog = await lineage_backlog(database, now=now_utc())
    if settings.lineage_url is None:
        return skipped("lineage", "no receiver: DOCUSTORE_LINEAGE_URL is unset")
    if backlog.stuck:
        return warning(
            "lineage",
            f"events of {backlog.runs} runs are undelivered",
            next_step="run `docustore etl lineage`, fix the receiver, then `docustore etl lineage --retry`",
        )
    return ok("lineage", f"events of {backlog.runs} runs wait" if backlog.runs else "all delivered")
