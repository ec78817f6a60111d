"""The metrics of the feed of this process, for Prometheus."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from docustore.feed.feed import Feed
from docustore.feed.reader import CloseReason


class FeedMetrics(Collector):
    """Reads the figures of a feed at the scrape."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        readers, tail, ring = self._feed.readers, self._feed.tail, self._feed.ring
        yield GaugeMetricFamily("docustore_feed_readers", "Open readers of changes", len(readers))
        ended = CounterMetricFamily("docustore_feed_readers_ended", "Readers that have ended", labels=["reason"])
        for reason in CloseReason:
            ended.add_metric([reason.value], readers.ended[reason])
        yield ended
        yield CounterMetricFamily(
            "docustore_feed_resets", "Readers whose changes were not available", readers.resets
        )
        yield GaugeMetricFamily("docustore_feed_buffered_bytes", "Changes kept in memory", ring.size_bytes)
        failing_s = 0.0 if tail.failing_since is None else time.monotonic() - tail.failing_since
        yield GaugeMetricFamily(
            "docustore_feed_failing_seconds", "Time since history could be read last; 0 while it can", failing_s
        )
        if tail.started.is_set():
            yield GaugeMetricFamily("docustore_feed_last_id", "The newest change that readers can get", ring.end)


def feed_exposition(feed: Feed) -> bytes:
    """Return the figures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(FeedMetrics(feed))
    return generate_latest(registry)
