"""What the listener of this process has done, for Prometheus.

Only the process knows how long its commits take. What the store knows, such as lag and gaps, is shown by the API
(`docustore.changes.metrics`), also while no listener runs.
"""

from collections.abc import Mapping
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from docustore.history.models import Operation

REGISTRY: Final = CollectorRegistry()
# From a single change to the largest batch that can be configured.
_SIZES: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)
# From a small transaction on one machine to the time after which a lease is lost.
_SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_EVENTS: Final = Counter(
    "docustore_changes_events",
    "Changes by what became of them: applied, reduced, failed or held",
    ("operation", "result"),
    registry=REGISTRY,
)
_BATCH: Final = Histogram(
    "docustore_changes_batch_events", "Changes in one transaction", buckets=_SIZES, registry=REGISTRY
)
_COMMIT: Final = Histogram(
    "docustore_changes_commit_seconds", "Time of one transaction", buckets=_SECONDS, registry=REGISTRY
)
REDUCED: Final = "reduced"
APPLIED: Final = "applied"


def note_commit(operations: Mapping[Operation, int], *, began_at: float, result: str = APPLIED) -> None:
    """Count a committed transaction with its changes.

    One without changes is not counted: an idle position moves every few seconds.

    Args:
        began_at: Of `perf_counter`.
    """
    events = sum(operations.values())
    if not events:
        return
    _COMMIT.observe(perf_counter() - began_at)
    _BATCH.observe(events)
    for operation, number in operations.items():
        _EVENTS.labels(operation.value, result).inc(number)


def note_letter(operation: Operation, state: str) -> None:
    """Count a change that became a dead letter: failed, or held behind one."""
    _EVENTS.labels(operation.value, state).inc()
