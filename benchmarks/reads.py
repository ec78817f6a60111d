"""Benchmark of analytics over all users.

Floor: one find by `_id`. Peer: the aggregation that the live figures replace; it scans every user.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Final

from benchmarks.row import BenchRow
from docustore.analytics.marts import STATS, TOTALS_ID
from docustore.analytics.pipelines import marts_pipeline
from docustore.analytics.report import users_analytics
from docustore.database import Database

QUERIES: Final = 300
SCANS: Final = 3
Query = Callable[[str], Awaitable[None]]


async def measure(database: Database, *, users: int) -> list[BenchRow]:
    """Measure on a populated store.

    Unit: queries per second, one query after another. Values are medians.
    """

    async def find_one(_: str) -> None:
        await database[STATS].find_one({"_id": TOTALS_ID})

    async def analytics(_: str) -> None:
        await users_analytics(database, now=datetime.now(UTC))

    async def aggregation(_: str) -> None:
        await (await database["users"].aggregate(marts_pipeline())).to_list()

    texts = [""] * QUERIES
    floor_s = median(await timings(find_one, texts))
    analytics_s = median(await timings(analytics, texts))
    aggregation_s = median(await timings(aggregation, texts[:SCANS]))
    return [queries_row(f"analytics of {users:,} users", analytics_s, floor_s=floor_s, peer_s=aggregation_s)]


def queries_row(name: str, value_s: float, *, floor_s: float, peer_s: float) -> BenchRow:
    """Make the row of a query that takes `value_s` seconds."""
    return BenchRow(
        name=name,
        value=round(1 / value_s, 2),
        unit="queries/s",
        floor=round(1 / floor_s, 2),
        ratio_to_floor=round(floor_s / value_s, 2),
        peer=round(1 / peer_s, 2),
        ratio_to_peer=round(peer_s / value_s, 1),
    )


async def timings(query: Query, texts: Sequence[str]) -> list[float]:
    """Run one query unmeasured, then one per text; return the seconds of each."""
    await query(texts[0])
    timings = []
    for text in texts:
        started = time.perf_counter()
        await query(text)
        timings.append(time.perf_counter() - started)
    return timings


async def alternating_medians(floor: Query, value: Query) -> tuple[float, float]:
    """Ask both questions in turn, so that both meet the same state of the machine.

    Returns:
        The median seconds of `floor` and of `value`.
    """
    floors, values = [], []
    for _ in range(QUERIES):
        floors += await timings(floor, [""])
        values += await timings(value, [""])
    return median(floors), median(values)
