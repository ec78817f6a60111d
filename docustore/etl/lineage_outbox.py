"""Deliver the lineage events of runs at least once, in order within a run.

The events are part of the run's document (`lineage`). Failures are retried with backoff and without end: refused
events stay until a person retries or skips them.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import httpx2
import msgspec
import structlog
from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.alerts import is_http
from docustore.audit.log import record
from docustore.config import Settings
from docustore.database import Database, Document, in_transaction
from docustore.errors import NotFoundError
from docustore.etl.lineage import output_dataset, run_event
from docustore.etl.lineage_event import LineageState
from docustore.etl.models import RUNS, EtlRun
from docustore.post_failures import failure_text

log: Final = structlog.get_logger()
RUNS_PER_TICK: Final = 20
TIMEOUT_S: Final = 5.0
# A tick has other work, and arq ends it after its own time limit.
BUDGET_S: Final = 15.0
# Longer than all attempts of one worker at the events of one run.
TAKEN_FOR: Final = timedelta(minutes=1)
FIRST_WAIT: Final = timedelta(seconds=15)
LONGEST_WAIT: Final = timedelta(minutes=15)
# After so many failures, people are shown the run.
STUCK_AFTER: Final = 3
_PENDING: Final = {"lineage.next_attempt_at": {"$gte": datetime.fromtimestamp(0, UTC)}}
_RETRYABLE: Final = frozenset({408, 425, 429})
_SERVER_ERROR: Final = 500


class RefusedError(Exception):
    """The receiver did not take an event.

    `is_transient` tells that it would take none now.
    """

    def __init__(self, reason: str, *, is_transient: bool) -> None:
        super().__init__(reason)
        self.is_transient = is_transient


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageBacklog:
    """The runs with undelivered events, and the age of the oldest event."""

    runs: int
    stuck: int
    oldest_s: float | None


async def deliver_lineage(database: Database, settings: Settings, *, now: datetime) -> int:
    """Deliver the events of runs that are due; return the number of delivered events.

    Stops at the first sign that the receiver takes nothing now, and goes on after an event that it refuses.
    """
    if settings.lineage_url is None:
        return 0
    delivered, end = 0, time.monotonic() + BUDGET_S
    for _ in range(RUNS_PER_TICK):
        if time.monotonic() > end or (taken := await _take(database, now=now)) is None:
            break
        count, error = await _deliver_run(database, taken, settings)
        delivered += count
        await _give_back(database, taken, error, now=now)
        if error is not None and error.is_transient:
            break
    return delivered


async def lineage_backlog(database: Database, *, now: datetime) -> LineageBacklog:
    """Count the runs with undelivered events, from an index."""
    stuck = {**_PENDING, "lineage.attempts": {"$gte": STUCK_AFTER}}
    runs, stuck_runs = await asyncio.gather(
        database[RUNS].count_documents(_PENDING), database[RUNS].count_documents(stuck)
    )
    oldest = await database[RUNS].find_one(_PENDING, {"lineage.events": 1}, sort=[("created_at", 1)])
    times = [event["at"] for event in oldest["lineage"]["events"]] if oldest is not None else []
    oldest_s = (now - min(times)).total_seconds() if times else None
    return LineageBacklog(runs=runs, stuck=stuck_runs, oldest_s=oldest_s)


async def undelivered_runs(*, limit: int = 100) -> list[EtlRun]:
    """List the runs with undelivered events, oldest first."""
    return await EtlRun.find(_PENDING).sort("created_at").limit(limit).to_list()


async def retry_lineage(database: Database, *, now: datetime, actor: str) -> int:
    """Make all undelivered events due at once; return the number of their runs."""
    again = {"lineage.next_attempt_at": now, "lineage.attempts": 0}

    async def retry(session: AsyncClientSession) -> int:
        result = await database[RUNS].update_many(_PENDING, {"$set": again}, session=session)
        after = {"runs": result.modified_count}
        await record(database, actor=actor, action="lineage.retry", target=RUNS, after=after, session=session)
        return result.modified_count

    return await in_transaction(database, retry)


async def skip_lineage(database: Database, run_id: str, *, actor: str) -> int:
    """Give the undelivered events of one run up; return their number.

    Raises:
        NotFoundError: The run has no undelivered events.
    """

    async def skip(session: AsyncClientSession) -> int:
        run = {"_id": ObjectId(run_id) if ObjectId.is_valid(run_id) else None, **_PENDING}
        found = await database[RUNS].find_one(run, {"lineage": 1}, session=session)
        if found is None:
            raise NotFoundError(kind="run with undelivered lineage", id=run_id)
        skipped = {"lineage.events.$[each].state": LineageState.SKIPPED, "lineage.next_attempt_at": None}
        await database[RUNS].update_one(
            run, {"$set": skipped}, array_filters=[{"each.state": LineageState.PENDING}], session=session
        )
        events = [each["type"] for each in found["lineage"]["events"] if each["state"] == LineageState.PENDING]
        before = {"events": events, "error": found["lineage"].get("error")}
        target = f"{RUNS}/{run_id}"
        await record(database, actor=actor, action="lineage.skip", target=target, before=before, session=session)
        return len(events)

    return await in_transaction(database, skip)


async def _take(database: Database, *, now: datetime) -> Document | None:
    """Take a run for its delivery: two workers would mix the order of its events."""
    free = {"$or": [{"lineage.taken_until": None}, {"lineage.taken_until": {"$lte": now}}]}
    due = {"lineage.next_attempt_at": {**_PENDING["lineage.next_attempt_at"], "$lte": now}}
    return await database[RUNS].find_one_and_update(
        {**due, **free},
        {"$set": {"lineage.taken_until": now + TAKEN_FOR}, "$inc": {"lineage.attempts": 1}},
        sort=[("lineage.next_attempt_at", 1)],
        return_document=ReturnDocument.AFTER,
    )


async def _deliver_run(
    database: Database, taken: Mapping[str, Any], settings: Settings
) -> tuple[int, RefusedError | None]:
    run: EtlRun = EtlRun.model_validate(taken)
    output = output_dataset(settings.mongodb_url or "", settings.mongodb_database)
    delivered = 0
    for number, event in enumerate(run.lineage.events if run.lineage is not None else ()):
        if event.state is not LineageState.PENDING:
            continue
        body = run_event(run, event, namespace=settings.lineage_namespace, output=output)
        try:
            await _send(settings, body)
        except RefusedError as exc:
            log.warning("lineage.undelivered", run_id=str(run.id), event_type=event.type, reason=str(exc))
            return delivered, exc
        # After the delivery: a crash between the two delivers it again.
        await database[RUNS].update_one(
            {"_id": run.id}, {"$set": {f"lineage.events.{number}.state": LineageState.DELIVERED}}
        )
        delivered += 1
    return delivered, None


async def _give_back(
    database: Database, taken: Mapping[str, Any], error: RefusedError | None, *, now: datetime
) -> None:
    wait = min(FIRST_WAIT * 2 ** min(taken["lineage"]["attempts"] - 1, 10), LONGEST_WAIT)
    due_at = now if error is None else now + wait
    # On the server: the run may have got its last event meanwhile.
    is_pending = {"$in": [LineageState.PENDING, "$lineage.events.state"]}
    given_back: Document = {
        "lineage.next_attempt_at": {"$cond": [is_pending, due_at, None]},
        "lineage.taken_until": None,
        "lineage.error": None if error is None else {"$literal": str(error)},
    }
    if error is None:
        given_back["lineage.attempts"] = 0
    await database[RUNS].update_one({"_id": taken["_id"]}, [{"$set": given_back}])


async def _send(settings: Settings, body: Mapping[str, Any]) -> None:
    url = settings.lineage_url or ""
    line = msgspec.json.encode(body)
    if not is_http(url):
        path = unquote(urlsplit(url).path) if url.startswith("file:") else url
        await asyncio.to_thread(_append, path, line)
        return
    headers = {"Content-Type": "application/json"}
    if settings.lineage_token is not None:
        headers["Authorization"] = f"Bearer {settings.lineage_token.get_secret_value()}"
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client, asyncio.timeout(TIMEOUT_S):
            response = await client.post(url, content=line, headers=headers)
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as exc:
        raise RefusedError(failure_text(exc), is_transient=True) from exc
    status = response.status_code
    if not response.is_success:
        raise RefusedError(f"status {status}", is_transient=status in _RETRYABLE or status >= _SERVER_ERROR)


def _append(path: str, line: bytes) -> None:
    try:
        # One write: lines of several workers do not mix.
        with open(path, "ab", buffering=0) as file:  # noqa: PTH123  # unbuffered
            file.write(line + b"\n")
    except OSError as exc:
        raise RefusedError(exc.strerror or type(exc).__name__, is_transient=True) from exc
