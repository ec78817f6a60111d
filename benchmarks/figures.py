"""Benchmark of the figures that the listener keeps: analytics and quality.

Each is measured in stores of several sizes: the time of an answer must not grow with the store. Floor: one find by
id of a user. Peer: the aggregation over all users that gives the same answer.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any, Final
from uuid import uuid4

from benchmarks.derived import build_rate
from benchmarks.population import populate
from benchmarks.reads import SCANS, Query, alternating_medians, queries_row, timings
from benchmarks.row import BenchRow
from docustore.analytics.cube.ask import Asking, Request, Source, ask_registrations, ask_users
from docustore.analytics.cube.buckets import BucketUnit
from docustore.analytics.cube.exact import Exact
from docustore.analytics.cube.marts import Marts
from docustore.changes.committed import COMMITTED_STAGE
from docustore.changes.effects.analytics import UserAnalyticsEffect
from docustore.changes.effects.quality import UserQualityEffect
from docustore.config import Settings
from docustore.database import Database
from docustore.document_models import open_database
from docustore.quality.declared import rule_set
from docustore.quality.report import quality_report
from indexes.apply import apply_indexes

# For other sizes: `BENCH_SIZES=10000,100000,1000000`. The effects are built for each size. For a million users
# that takes many minutes.
SIZES_VARIABLE: Final = "BENCH_SIZES"
DEFAULT_SIZES: Final = "10000,100000"
SCAN_TIMEOUT_MS: Final = 600_000
_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
# Within a quarter hour, so that a rule of time has users before and after its cut-off there.
_CUT: Final = _NOW + timedelta(hours=13, minutes=7)
_BY_LOCATION: Final = Request(dimension="location")
_BY_MONTH: Final = Request(since=_NOW - timedelta(days=365), until=_NOW, unit=BucketUnit.MONTH, dimension="status")


async def run(settings: Settings) -> list[BenchRow]:
    """Measure each size in a database of its own, and drop it."""
    rows = []
    for size in map(int, os.environ.get(SIZES_VARIABLE, DEFAULT_SIZES).split(",")):
        own = settings.model_copy(update={"mongodb_database": f"bench_{uuid4().hex[:12]}"})
        async with open_database(own, app_name="docustore-bench") as database:
            await apply_indexes(database)
            try:
                await populate(database, users=size)
                rows += await _measure(database, own, users=size)
            finally:
                await database.client.drop_database(database.name)
    return rows


async def _measure(database: Database, settings: Settings, *, users: int) -> list[BenchRow]:
    rates = {
        effect.name: await build_rate(database, effect(settings), users=users)
        for effect in (UserAnalyticsEffect, UserQualityEffect)
    }
    user = await database["users"].find_one({}, {"_id": 1})
    assert user is not None
    rules = rule_set(settings.quality_rules)

    async def find_one(_: str) -> None:
        await database["users"].find_one({"_id": user["_id"]})

    async def ask(question: Any, request: Request, source: Callable[[], Source], _: str) -> None:
        await question(Asking(source=source(), now=_NOW), request)

    async def report(_: str) -> None:
        await quality_report(database, rules, now=_CUT.replace(tzinfo=None))

    async def judge_all(_: str) -> None:
        await (await database["users"].aggregate(_quality_pipeline())).to_list()

    # A new one for each question: all scans of one share its time.
    marts = partial(Marts, database=database, committed=COMMITTED_STAGE)
    exact = partial(Exact, database=database, max_time_ms=SCAN_TIMEOUT_MS)
    pairs: dict[str, tuple[Query, Query]] = {
        "users by location": (
            partial(ask, ask_users, _BY_LOCATION, marts),
            partial(ask, ask_users, _BY_LOCATION, exact),
        ),
        "registrations by month and status": (
            partial(ask, ask_registrations, _BY_MONTH, marts),
            partial(ask, ask_registrations, _BY_MONTH, exact),
        ),
        "report of quality": (report, judge_all),
    }
    # Before the scans: they leave the server busy for a while.
    kept_s = {name: await alternating_medians(find_one, kept) for name, (kept, _) in pairs.items()}
    rows = []
    for name, (_, scanned) in pairs.items():
        floor_s, value_s = kept_s[name]
        peer_s = median(await timings(scanned, [""] * SCANS))
        rows.append(queries_row(f"{name}, {users:,} users", value_s, floor_s=floor_s, peer_s=peer_s))
    rows += [
        BenchRow(name=f"{name}, build for {users:,} users", value=round(rate), unit="users/s")
        for name, rate in rates.items()
    ]
    return rows


def _quality_pipeline() -> list[dict[str, Any]]:
    """Count the violations of five rules of one user each: less than the report says."""
    conditions = {
        "first_name": {"$in": [{"$ifNull": ["$first_name", ""]}, ["", None]]},
        "last_name": {"$in": [{"$ifNull": ["$last_name", ""]}, ["", None]]},
        "status": {"$not": [{"$in": ["$status", ["active", "inactive", "suspended"]]}]},
        "email": {"$not": [{"$regexMatch": {"input": "$email", "regex": "^[^@ ]+@[^@ ]+$"}}]},
        "updated": {"$lt": ["$updated_at", _NOW - timedelta(days=365)]},
    }
    counts = {name: {"$sum": {"$cond": [condition, 1, 0]}} for name, condition in conditions.items()}
    return [{"$match": {"deleted_at": None}}, {"$group": {"_id": None, **counts}}]
