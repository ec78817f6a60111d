"""Benchmark of queries over all users: analytics and search.

Floor: one find by `_id`. Peer of analytics: the aggregation that the live figures replace. Peer of search: the
common way, an unanchored regular expression over three fields, with a count. Both peers scan every user.
"""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any, Final

from benchmarks.population import name_prefixes
from benchmarks.row import BenchRow
from docustore.analytics.marts import STATS, TOTALS_ID
from docustore.analytics.pipelines import marts_pipeline
from docustore.analytics.report import users_analytics
from docustore.database import Database
from docustore.users.search import SearchQuery, search_users

QUERIES: Final = 300
SCANS: Final = 3


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

    async def search(text: str) -> None:
        await search_users(SearchQuery(text=text))

    async def scan(text: str) -> None:
        matching = _regex_filter(text)
        await database["users"].find(matching).sort("created_at", -1).limit(20).to_list()
        await database["users"].count_documents(matching)

    texts = list(name_prefixes(QUERIES, users=users))
    floor_s = median(await _timings(find_one, texts))
    analytics_s = median(await _timings(analytics, texts))
    aggregation_s = median(await _timings(aggregation, texts[:SCANS]))
    searches_s = await _timings(search, texts)
    scans_s = median(await _timings(scan, texts[:SCANS]))
    return [
        _row(f"analytics of {users:,} users", analytics_s, floor_s=floor_s, peer_s=aggregation_s),
        _row(f"search of {users:,} users, 3 letters", median(searches_s), floor_s=floor_s, peer_s=scans_s),
        BenchRow(name="the same, p99", value=round(quantiles(searches_s, n=100)[98] * 1000, 1), unit="ms"),
    ]


def _row(name: str, value_s: float, *, floor_s: float, peer_s: float) -> BenchRow:
    return BenchRow(
        name=name,
        value=round(1 / value_s),
        unit="queries/s",
        floor=round(1 / floor_s),
        ratio_to_floor=round(floor_s / value_s, 2),
        peer=round(1 / peer_s, 2),
        ratio_to_peer=round(peer_s / value_s, 1),
    )


async def _timings(query: Callable[[str], Awaitable[None]], texts: Sequence[str]) -> list[float]:
    """Run one query unmeasured, then one per text; return the seconds of each."""
    await query(texts[0])
    timings = []
    for text in texts:
        started = time.perf_counter()
        await query(text)
        timings.append(time.perf_counter() - started)
    return timings


def _regex_filter(text: str) -> dict[str, Any]:
    anywhere = {"$regex": re.escape(text), "$options": "i"}
    return {"$or": [{name: anywhere} for name in ("first_name", "last_name", "email")]}
