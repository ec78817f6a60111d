"""How many reads an answer from the counters costs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener

from docustore.analytics.cube.ask import Asking, Request, ask_ages, ask_cohorts, ask_registrations, ask_users
from docustore.analytics.cube.buckets import BucketUnit
from docustore.analytics.cube.counts import VALUES, CubeCounts
from docustore.analytics.cube.marts import Marts
from docustore.analytics.cube.share import ANALYTICS_VERSION, USER_ANALYTICS, share_of
from docustore.analytics.query.cube_mart import cube_rollup
from docustore.analytics.query.model import QueryInput
from docustore.changes.committed import COMMITTED_STAGE
from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = datetime(2025, 12, 31, tzinfo=UTC)


class Reads(CommandListener):
    """Notes the read concern of each read, and the moment that it asks for."""

    def __init__(self) -> None:
        self.concerns: list[str] = []
        self.moments: list[Any] = []

    def started(self, event: Any) -> None:
        if event.command_name in {"find", "getMore", "aggregate"}:
            concern = event.command.get("readConcern", {})
            self.concerns.append(concern.get("level"))
            self.moments.append(concern.get("atClusterTime"))

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...


@pytest.fixture
async def counted(database: Database) -> Database:
    """Counters of twelve users, of which one row of history is not counted yet."""
    counts = CubeCounts()
    for month in range(1, 13):
        user = {"created_at": datetime(2025, month, 7, tzinfo=UTC), "profile": {"location": f"town {month % 3}"}}
        counts.add(share_of(user), 1)
    for (dimension, value), increments in counts.values().items():
        await database[VALUES].update_one({"_id": {"d": dimension, "v": value}}, {"$inc": increments}, upsert=True)
    state = {"version": ANALYTICS_VERSION, "live_version": ANALYTICS_VERSION, "state": "live", "seq": 12}
    await database[EFFECT_STATES].insert_one({"_id": USER_ANALYTICS, **state, "as_of": AS_OF})
    await database[POSITIONS].insert_one({"_id": POSITION_ID, "seq": 13})
    return database


@pytest.fixture
async def watched(counted: Database, settings: Settings) -> AsyncIterator[tuple[Asking, Reads]]:
    reads = Reads()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        settings.mongodb_url, tz_aware=True, event_listeners=[reads]
    )
    async with client:
        source = Marts(database=client[counted.name], committed=COMMITTED_STAGE)
        yield Asking(source=source, now=NOW), reads


async def ask_by_query(asking: Asking) -> object:
    assert isinstance(asking.source, Marts)
    question = {"metrics": ["users"], "dimensions": ["location"], "time": {"bucket": "day"}}
    return await cube_rollup(asking.source.database, QueryInput.model_validate(question), now=NOW)


PART_OF_A_YEAR = Request(
    since=datetime(2025, 1, 7, 12, tzinfo=UTC), until=NOW, unit=BucketUnit.MONTH, dimension="location"
)


@pytest.mark.parametrize(
    "ask",
    [
        lambda asking: ask_registrations(asking, PART_OF_A_YEAR),
        lambda asking: ask_cohorts(asking, Request(dimension="location")),
        lambda asking: ask_ages(asking, Request(dimension="location")),
        ask_by_query,
    ],
    ids=["registrations", "cohorts", "ages", "query"],
)
async def test_reads_of_an_answer_are_of_one_state(
    watched: tuple[Asking, Reads], ask: Callable[[Asking], Awaitable[object]]
) -> None:
    """Otherwise a difference of two figures may be negative."""
    asking, reads = watched

    await ask(asking)

    first, *others = reads.moments
    assert set(reads.concerns) == {"snapshot"}
    assert (first, len(set(others))) == (None, 1)
    assert None not in others


async def test_users_by_value_cost_one_read(watched: tuple[Asking, Reads]) -> None:
    """Figures and freshness, of one state of the store."""
    asking, reads = watched

    report = await ask_users(asking, Request(dimension="location", top=2))

    assert reads.concerns == ["snapshot"]
    assert [(each.value, each.registered) for each in report.distributions[0].values] == [
        ("town 0", 4),
        ("town 1", 4),
        ("other", 4),
    ]
    assert (report.freshness.as_of, report.freshness.lag_s) == (AS_OF, 86_400)


async def test_months_of_a_year_by_value_cost_one_read(watched: tuple[Asking, Reads]) -> None:
    asking, reads = watched
    year = Request(
        since=datetime(2025, 1, 1, tzinfo=UTC), until=NOW, unit=BucketUnit.MONTH, dimension="location", top=1
    )

    report = await ask_registrations(asking, year)

    assert reads.concerns == ["snapshot"]
    assert [(each.value, each.registered) for each in report.current.series] == [
        (None, [1] * 12),
        ("town 0", [0, 0, 1] * 4),
        ("other", [1, 1, 0] * 4),
    ]


async def test_all_dimensions_cost_one_read(watched: tuple[Asking, Reads]) -> None:
    asking, reads = watched

    report = await ask_users(asking, Request())

    assert reads.concerns == ["snapshot"]
    assert all(each.values[0].registered for each in report.distributions)
