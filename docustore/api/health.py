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
from docustore.api.problem_details import problems
from docustore.changes.status import change_status
from docustore.clock import now_utc
from docustore.database import Database
from docustore.etl.figures import etl_figures
from docustore.etl.queries import last_finished_runs, open_by_source
from docustore.outbox.figures import destination_figures
from docustore.queue import Queue
from docustore.security.authentication import PUBLIC

# A probe must answer before its caller gives up.
PROBE_TIMEOUT_S: Final = 2.0


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
        "/metrics",
        operation_id="get_metrics",
        summary="Metrics for Prometheus",
        media_type=CONTENT_TYPE,
        responses=problems(),
    )
    async def metrics(self, state: State) -> bytes:
        """Return request metrics of this process and store metrics of the service.

        The store metrics cover users, runs, sources, alerts, quarantine, listener and outbox. They are read at
        the scrape.
        """
        store = StoreMetrics()
        now = now_utc()
        analytics, runs, quarantined, changes, etl, destinations = await asyncio.gather(
            users_analytics(state.database, now=now),
            last_finished_runs(),
            open_by_source(),
            change_status(state.database),
            etl_figures(state.database, state.settings.sources, now=now),
            destination_figures(state.database, now=now),
        )
        store.users(analytics["status_distribution"])
        store.runs(runs)
        store.quarantine(quarantined)
        store.sources(freshness_s=etl.freshness_s, watermark_lag_s=etl.watermark_lag_s)
        store.runs_by_state(etl.runs_by_state)
        store.alerts(messages=etl.messages_by_state, incidents=etl.incidents_by_kind)
        store.lineage(pending=etl.lineage_pending, oldest_s=etl.lineage_oldest_s)
        store.listener(is_running=changes.owner is not None, lag_s=changes.lag_s)
        store.outbox(destinations)
        exposition: bytes = state.request_metrics.exposition()
        return exposition + store.exposition()


def readiness(**parts: PartStatus) -> Response[Health]:
    """Answer 200 if all parts are available, else 503."""
    is_ready = all(part is OK for part in parts.values())
    health = Health(status="ok" if is_ready else "unavailable", parts=parts)
    return Response(health, status_code=200 if is_ready else 503)


async def mongodb_status(database: Database) -> PartStatus:
    """Check whether MongoDB's primary answers within `PROBE_TIMEOUT_S`."""
    try:
        with pymongo.timeout(PROBE_TIMEOUT_S):
            await database.client.admin.command("ping", read_preference=ReadPreference.PRIMARY)
    except PyMongoError:
        return PartStatus(status="unavailable", problem="no primary answers")
    return OK


async def valkey_status(queue: Queue) -> PartStatus:
    """Check whether the queue answers within `PROBE_TIMEOUT_S`."""
    answer: Awaitable[object] = queue.ping()
    try:
        await asyncio.wait_for(answer, PROBE_TIMEOUT_S)
    except (RedisError, OSError, TimeoutError):
        return PartStatus(status="unavailable", problem="does not answer")
    return OK
