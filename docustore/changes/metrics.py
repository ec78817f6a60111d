"""The state of the listener in the store, for Prometheus."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from docustore.changes.gaps import GAPS
from docustore.changes.lease import IS_ALIVE
from docustore.changes.position import POSITIONS, ListenerState
from docustore.changes.status import ChangeStatus, change_status
from docustore.database import Database, Document

# A person left the position; every other gap is a recovery.
_ORDERED: Final = frozenset({"reset", "seek"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerFigures:
    """What the store knows of the listener.

    `positions` are the stored positions, one for each partition, with `is_alive`. `gaps` counts them by reason.
    """

    status: ChangeStatus
    positions: Sequence[Document]
    gaps: Mapping[str, int]


async def listener_figures(database: Database) -> ListenerFigures:
    """Read the figures of all partitions."""
    alive = {"$addFields": {"is_alive": IS_ALIVE}}
    shown = {"$project": {"seq": 1, "fence": 1, "owner": 1, "is_alive": 1, "paused_at": 1, "recoveries": 1}}
    found = await database[POSITIONS].aggregate([{"$match": {"seq": {"$exists": True}}}, alive, shown])
    by_reason = await database[GAPS].aggregate([{"$group": {"_id": "$reason", "gaps": {"$sum": 1}}}])
    return ListenerFigures(
        status=await change_status(database),
        positions=await found.to_list(),
        gaps={str(each["_id"]): each["gaps"] async for each in by_reason},
    )


class ListenerMetrics(Collector):
    """Shows figures that were read before."""

    def __init__(self, figures: ListenerFigures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        yield from _status(self._figures.status)
        yield from _partitions(self._figures.positions)
        gaps = self._figures.gaps
        by_reason = CounterMetricFamily("docustore_changes_gaps", "Gaps on record", labels=["reason"])
        for reason, count in gaps.items():
            by_reason.add_metric([reason], count)
        yield by_reason
        recoveries = sum(count for reason, count in gaps.items() if reason not in _ORDERED)
        yield CounterMetricFamily("docustore_changes_recoveries", "Losses of the position", recoveries)


def listener_exposition(figures: ListenerFigures) -> bytes:
    """Return the figures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(ListenerMetrics(figures))
    return generate_latest(registry)


def _status(status: ChangeStatus) -> Iterator[Metric]:
    is_running = float(status.owner is not None)
    yield GaugeMetricFamily("docustore_changes_listener_running", "1 while a listener holds the lease", is_running)
    state = GaugeMetricFamily("docustore_changes_state", "1 for the present state", labels=["state"])
    for each in ListenerState:
        state.add_metric([each.value], float(each is status.state))
    yield state
    if status.lag_s is not None:
        yield GaugeMetricFamily(
            "docustore_changes_lag_seconds", "Age of the oldest change not yet applied", status.lag_s
        )
    if status.oplog_headroom_s is not None:
        yield GaugeMetricFamily(
            "docustore_changes_oplog_headroom_seconds",
            "How far the oplog reaches back before the position",
            status.oplog_headroom_s,
        )
    yield CounterMetricFamily("docustore_changes_applied", "Changes applied", status.applied)
    yield CounterMetricFamily(
        "docustore_changes_snapshot_rows", "Rows of history that came from comparisons", status.snapshot_rows
    )
    yield CounterMetricFamily(
        "docustore_changes_approximate_rows",
        "Rows of history whose state was read later than the change",
        status.approximate_rows,
    )
    yield GaugeMetricFamily("docustore_changes_dead_letters", "Open dead letters", status.dead_letters)


def _partitions(positions: Sequence[Document]) -> Iterator[Metric]:
    owned = GaugeMetricFamily(
        "docustore_changes_partition_owned",
        "1 for the listener that has the partition",
        labels=["partition", "owner"],
    )
    fences = CounterMetricFamily(
        "docustore_changes_takeovers", "Take-overs and commands: changes of the fence", labels=["partition"]
    )
    paused = GaugeMetricFamily("docustore_changes_paused", "1 while it is paused", labels=["partition"])
    losses = GaugeMetricFamily(
        "docustore_changes_recoveries_without_progress", "At 3 the listener stops", labels=["partition"]
    )
    for position in positions:
        partition = str(position["_id"])
        if position.get("is_alive") and position.get("owner") is not None:
            owned.add_metric([partition, position["owner"]], 1.0)
        fences.add_metric([partition], position.get("fence", 0))
        paused.add_metric([partition], float(position.get("paused_at") is not None))
        losses.add_metric([partition], position.get("recoveries", 0))
    yield from (owned, fences, paused, losses)
