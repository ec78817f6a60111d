"""Metrics for Prometheus.

Request metrics come from this process. All other metrics are read from the store at the scrape.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from datetime import datetime
from time import perf_counter
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from docustore.api.request_ids import HEADER, LOGGED_ID, request_id
from docustore.api.response_headers import add_defaults

CONTENT_TYPE: Final = "text/plain; version=0.0.4"
# From a cached read (1 ms) over an exact count of a million users (0.5 s) to the server selection timeout (15 s).
BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
UNROUTED: Final = "unrouted"
_COUNTED_AS: Final = "docustore_counted_as"

Scope = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]


def count_as(scope: Any, status: int) -> None:
    """Count a request under another status than that of its answer."""
    scope[_COUNTED_AS] = status


class DestinationLike(Protocol):
    """What the metrics read of a destination; see `docustore.outbox.figures`."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def is_enabled(self) -> bool:
        """Tell whether it gets events."""

    @property
    def pending(self) -> int:
        """Return the number of pending events."""

    @property
    def oldest_s(self) -> float | None:
        """Return the age of the oldest of them."""

    @property
    def delivered(self) -> int:
        """Return the number of delivered events."""

    @property
    def failed(self) -> int:
        """Return the number of events that were given up."""


AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]


class RequestMetrics:
    """Counts and durations of requests, by the template of their route.

    Raw paths are never used as labels: they contain ids, and ids are personal data.

    Args:
        more_headers: Returns further headers for the response to a request.
    """

    def __init__(self, more_headers: Callable[[Scope], list[tuple[bytes, bytes]]]) -> None:
        self._more_headers = more_headers
        self._registry = CollectorRegistry()
        self._duration = Histogram(
            "docustore_http_request_duration_seconds",
            "Time from the request's head to the response's last byte",
            ("method", "route", "status"),
            registry=self._registry,
            buckets=BUCKETS_S,
        )
        self._open = 0
        in_progress = Gauge(
            "docustore_http_requests_in_progress", "Requests being answered", registry=self._registry
        )
        # Read at the scrape: a gauge takes a lock at each change.
        in_progress.set_function(lambda: self._open)
        self._unrouted = Counter(
            "docustore_http_requests_unrouted_total",
            "Requests to paths that do not exist",
            registry=self._registry,
        )
        # A cache: `labels` takes a lock and hashes its arguments at every call.
        self._children: dict[tuple[str, str, int], Any] = {}

    def wrap(self, app: AsgiApp) -> AsgiApp:
        """Wrap an ASGI application so that its requests are measured.

        The wrapper also adds the default headers, the request id and `more_headers`. It binds the id to the log
        lines of the request. One wrapper costs less than several.

        The router must run before the wrapped application: the route template is in its scope.
        """

        async def measured(scope: Scope, receive: object, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            status = 500
            own_id = request_id(scope)
            started_at = perf_counter()

            async def record_status(message: MutableMapping[str, Any]) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    add_defaults(message["headers"], (HEADER, own_id.encode()))
                    message["headers"] += self._more_headers(scope)
                await send(message)

            self._open += 1
            bound = LOGGED_ID.set(own_id)
            try:
                await app(scope, receive, record_status)
            finally:
                LOGGED_ID.reset(bound)
                self._open -= 1
                self._observe(scope, scope.get(_COUNTED_AS, status), perf_counter() - started_at)

        return measured

    def count_if_unrouted(self, _: Exception, scope: Scope) -> None:
        """Count a request that matched no route."""
        if "path_template" not in scope:
            self._unrouted.inc()

    def exposition(self) -> bytes:
        """Return the request metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _observe(self, scope: Scope, status: int, duration_s: float) -> None:
        key = (scope["method"], scope.get("path_template", UNROUTED), status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._duration.labels(*map(str, key))
        child.observe(duration_s)


class StoreMetrics:
    """Gauges for users and the ETL, filled from the store."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()

    def users(self, by_status: Mapping[str, int]) -> None:
        """Set the number of users by status."""
        gauge = self._gauge("docustore_users", "Users that are not deleted", "status")
        for status, users in by_status.items():
            gauge.labels(status).set(users)

    def runs(self, runs: Iterable[Mapping[str, Any]]) -> None:
        """Set the figures of each source's last finished run.

        Args:
            runs: Raw documents of `etl_runs`, one per source, without dry runs.
        """
        finished = self._gauge(
            "docustore_etl_last_run_timestamp_seconds", "End of the last run", "source", "state"
        )
        duration = self._gauge("docustore_etl_last_run_duration_seconds", "Length of the last run", "source")
        records = self._gauge("docustore_etl_last_run_records", "Records of the last run", "source", "outcome")
        for run in runs:
            source = run["source"]
            finished.labels(source, run["state"]).set(_seconds(run["finished_at"]))
            duration.labels(source).set(run.get("duration_s") or 0.0)
            for outcome, count in run["counts"].items():
                records.labels(source, outcome).set(count)

    def quarantine(self, by_source: Mapping[str, int]) -> None:
        """Set the number of open quarantined records by source."""
        gauge = self._gauge("docustore_etl_quarantine_open", "Quarantined records that are open", "source")
        for source, records in by_source.items():
            gauge.labels(source).set(records)

    def sources(
        self, *, freshness_s: Mapping[str, float | None], watermark_lag_s: Mapping[str, float | None]
    ) -> None:
        """Set how old the last success and the watermark of each source are."""
        fresh = self._gauge("docustore_etl_freshness_seconds", "Seconds since the last success", "source")
        lag = self._gauge("docustore_etl_watermark_lag_seconds", "Seconds since the watermark", "source")
        for gauge, ages in ((fresh, freshness_s), (lag, watermark_lag_s)):
            for source, age_s in ages.items():
                # A source that never succeeded has no sample: a number would look like a measurement.
                if age_s is not None:
                    gauge.labels(source).set(age_s)

    def runs_by_state(self, counts: Mapping[str, int]) -> None:
        """Set the number of runs of the last 24 hours by state."""
        gauge = self._gauge("docustore_etl_runs", "Runs created in the last 24 hours", "state")
        for state, runs in counts.items():
            gauge.labels(state).set(runs)

    def alerts(self, *, messages: Mapping[str, int], incidents: Mapping[str, int]) -> None:
        """Set the number of alert messages by state and of open incidents by kind."""
        sent = self._gauge("docustore_alert_messages", "Alert messages of the last 30 days", "state")
        for state, count in messages.items():
            sent.labels(state).set(count)
        is_open = self._gauge("docustore_etl_incidents_open", "Open incidents of sources", "kind")
        for kind, count in incidents.items():
            is_open.labels(kind).set(count)

    def lineage(self, *, pending: int, oldest_s: float | None) -> None:
        """Set the number of runs with undelivered events, and the oldest age."""
        self._gauge("docustore_lineage_pending_runs", "Runs with undelivered lineage events").set(pending)
        if oldest_s is not None:
            self._gauge("docustore_lineage_oldest_seconds", "Age of the oldest such event").set(oldest_s)

    def outbox(self, destinations: Iterable[DestinationLike]) -> None:
        """Set the figures of each destination of the outbox."""
        pending = self._gauge("docustore_outbox_pending", "Events that wait for delivery", "destination")
        oldest = self._gauge("docustore_outbox_oldest_seconds", "Age of the oldest such event", "destination")
        delivered = self._gauge("docustore_outbox_delivered", "Events delivered so far", "destination")
        failed = self._gauge("docustore_outbox_failed", "Events given up so far", "destination")
        enabled = self._gauge("docustore_outbox_enabled", "1 while the destination gets events", "destination")
        for each in destinations:
            pending.labels(each.name).set(each.pending)
            oldest.labels(each.name).set(each.oldest_s or 0.0)
            delivered.labels(each.name).set(each.delivered)
            failed.labels(each.name).set(each.failed)
            enabled.labels(each.name).set(each.is_enabled)

    def exposition(self) -> bytes:
        """Return the gauges in Prometheus' text format."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(name, documentation, labels, registry=self._registry)


def _seconds(time: datetime | None) -> float:
    return time.timestamp() if time else 0.0
