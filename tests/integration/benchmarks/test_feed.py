"""The benchmark of the feed, in a small form: every reader gets every change."""

from benchmarks.feed import Load, measure
from docustore.config import Settings
from docustore.database import Database


async def test_feed_is_measured(database: Database, settings: Settings) -> None:
    load = Load(readers=20, peer_readers=3, writes_per_s=50, seconds=1.0)

    rows = {row.name.rpartition(", ")[2]: row for row in await measure(database, settings, load)}

    assert rows.keys() == {"p50", "p99", "deliveries", "processor of the API", "memory"}
    assert 0 < rows["p50"].value <= rows["p99"].value
    assert rows["deliveries"].value > 0
    assert rows["deliveries"].peer is not None
