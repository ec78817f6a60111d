"""Routes for operators: liveness, readiness, metrics."""

import asyncio
from collections.abc import Awaitable
from typing import Final

import msgspec
import pymongo
from litestar import Controller, Response, get
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from pymongo.errors import PyMongoError
from pymongo.read_preferences import ReadPreference
from redis.exceptions import RedisError

from docustore.analytics.report import users_analytics
from docustore.api.metrics import CONTENT_TYPE, StoreMetrics
from docustore.api.problem import problems
from docustore.api.problem_details import DEFAULT_RETRY_AFTER_S
from docustore.changes.metrics import listener_exposition, listener_figures
from docustore.changes.stall import failure_of, stall_of
from docustore.changes.status import is_heartbeat_fresh
from docustore.clock import as_naive_utc, now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.etl.figures import etl_figures
from docustore.etl.queries import last_finished_runs, open_by_source
from docustore.feed.metrics import feed_exposition
from docustore.outbox.figures import destination_figures
from docustore.quality.metrics import quality_exposition
from docustore.quality.report import quality_report
from docustore.queue import Queue
from docustore.security.authentication import PUBLIC

# A probe must answer before its caller gives up.
PROBE_TIMEOUT_S: Final = 2.0
# It looks twice, a second apart.
LISTENER_TIMEOUT_S: Final = 5.0


class PartStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """The status of one server that the API needs, and its problem if it has one."""

    status: str
    problem: str | msgspec.UnsetType = msgspec.UNSET


class Health(msgspec.Struct, frozen=True):
    """The result of the readiness check.

    `status` is `ok` or `unavailable`. `parts` contains the status of each server.
    """

    status: str
    parts: dict[str, PartStatus]


OK: Final = PartStatus(status="ok")


class OperationController(Controller):
    """Health and metrics."""

    path = "/"
    tags = ("operation",)

    @get("/health/live", opt=PUBLIC, security=[{}], operation_id="check_liveness", summary="Check liveness")
    async def live(self) -> dict[str, str]:
        """Answer 200 while the process runs. MongoDB and the queue are not checked."""
        return {"status": "ok"}

    @get(
        "/health/ready",
        opt=PUBLIC,
        security=[{}],
        operation_id="check_readiness",
        summary="Check readiness",
        responses={
            503: ResponseSpec(
                data_container=Health, description="a server is unavailable", generate_examples=False
            )
        },
    )
    async def ready(self, state: State) -> Response[Health]:
        """Check MongoDB's primary and the queue.

        The answer is 503 while one of them does not answer within two seconds.
        """
        mongodb, valkey = await asyncio.gather(mongodb_status(state.database), valkey_status(state.queue))
        return readiness(mongodb=mongodb, valkey=valkey)

    @get(
        "/health/listener",
        operation_id="check_listener",
        summary="Check the listener",
        responses=problems()
        | {
            503: ResponseSpec(
                data_container=Health, description="no listener, or one that stands still", generate_examples=False
            )
        },
    )
    async def listener(self, state: State) -> Response[Health]:
        """Check that a listener runs, has not failed, and makes progress.

        It makes none if a change waits for long and the position does not move.

        This is apart from `/health/ready`: the API answers also while the listener stands still. A listener that
        was paused by an operator is well.
        """
        return readiness(listener=await listener_status(state.database, state.settings))

    @get(
        "/metrics",
        operation_id="get_metrics",
        summary="Metrics for Prometheus",
        media_type=CONTENT_TYPE,
        responses=problems(),
    )
    async def metrics(self, state: State) -> bytes:
        """Return request metrics of this process and store metrics of the service.

        The store metrics cover users, runs, sources, alerts, quarantine, listener, outbox and quality. They are
        read at the scrape. The metrics of the feed are those of this process.
        """
        store = StoreMetrics()
        now = now_utc()
        analytics, runs, quarantined, changes, etl, destinations = await asyncio.gather(
            users_analytics(state.database, now=now),
            last_finished_runs(),
            open_by_source(),
            listener_figures(state.database),
            etl_figures(state.database, state.settings.sources, now=now),
            destination_figures(state.database, now=now),
        )
        quality = await quality_report(state.database, state.quality_rules, now=as_naive_utc(now))
        store.users(analytics["status_distribution"])
        store.runs(runs)
        store.quarantine(quarantined)
        store.sources(freshness_s=etl.freshness_s, watermark_lag_s=etl.watermark_lag_s)
        store.runs_by_state(etl.runs_by_state)
        store.alerts(messages=etl.messages_by_state, incidents=etl.incidents_by_kind)
        store.lineage(pending=etl.lineage_pending, oldest_s=etl.lineage_oldest_s)
        store.outbox(destinations)
        exposition: bytes = state.request_metrics.exposition()
        kept = listener_exposition(changes) + quality_exposition(quality)
        return exposition + store.exposition() + kept + feed_exposition(state.feed)


def readiness(**parts: PartStatus) -> Response[Health]:
    """Answer 200 if all parts are available, else 503."""
    is_ready = all(part is OK for part in parts.values())
    health = Health(status="ok" if is_ready else "unavailable", parts=parts)
    if is_ready:
        return Response(health)
    return Response(health, status_code=503, headers={"Retry-After": str(DEFAULT_RETRY_AFTER_S)})


async def mongodb_status(database: Database) -> PartStatus:
    """Check whether MongoDB's primary answers within `PROBE_TIMEOUT_S`."""
    try:
        with pymongo.timeout(PROBE_TIMEOUT_S):
            await database.client.admin.command("ping", read_preference=ReadPreference.PRIMARY)
    except PyMongoError:
        return PartStatus(status="unavailable", problem="no primary answers")
    return OK


async def listener_status(database: Database, settings: Settings) -> PartStatus:
    """Check whether a listener holds the lease and makes progress."""
    try:
        with pymongo.timeout(LISTENER_TIMEOUT_S):
            if not await is_heartbeat_fresh(database, max_age_s=settings.changes_lease_s):
                return PartStatus(status="unavailable", problem="no listener renews the lease")
            if (failure := await failure_of(database)) is not None:
                return PartStatus(status="stopped", problem=failure)
            stall = await stall_of(database, limit_s=settings.changes_stalled_s)
    except PyMongoError:
        return PartStatus(status="unavailable", problem="MongoDB does not answer")
    return OK if stall is None else PartStatus(status="stalled", problem=stall)


async def valkey_status(queue: Queue) -> PartStatus:
    """Check whether the queue answers within `PROBE_TIMEOUT_S`."""
    answer: Awaitable[object] = queue.ping()
    try:
        await asyncio.wait_for(answer, PROBE_TIMEOUT_S)
    except (RedisError, OSError, TimeoutError):
        return PartStatus(status="unavailable", problem="does not answer")
    return OK
