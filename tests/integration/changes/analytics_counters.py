"""The counters of the analytics: writes that move them, and what they must equal."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import bson
from bson import ObjectId

from docustore.analytics.cube.ages_report import ages_of
from docustore.analytics.cube.answers import CubeMetric, CubeQuestion
from docustore.analytics.cube.buckets import BucketUnit, Calendar, buckets_of, period_of
from docustore.analytics.cube.cohorts_report import months_between
from docustore.analytics.cube.counts import SERIES, VALUES
from docustore.analytics.cube.exact import Exact
from docustore.analytics.cube.marts import Marts
from docustore.analytics.cube.share import USER_ANALYTICS
from docustore.analytics.cube.slots import first_slot, slot_of
from docustore.analytics.cube.transitions import TRANSITION
from docustore.analytics.dimensions import DIMENSIONS
from docustore.changes.effects.analytics import UserAnalyticsEffect
from docustore.changes.listener import listen
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from docustore.history.rows import IMAGE_CODEC
from tests.messy_users import messy_user
from tests.waiting import until

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
STATUSES = ("active", "inactive", "suspended", "a.$b", None, 7)


@asynccontextmanager
async def keeping(database: Database, settings: Settings) -> AsyncIterator[None]:
    """Run a listener that keeps only the analytics beside history and marts."""
    own = settings.model_copy(update={"mongodb_database": database.name})
    stop = asyncio.Event()
    listener = asyncio.create_task(listen(database, own, stop=stop, derived=(UserAnalyticsEffect,)))
    try:
        yield
    finally:
        stop.set()
        await listener


async def until_current(database: Database) -> None:
    seq = await wait_until_applied(database)
    wanted = {"_id": USER_ANALYTICS, "state": "live", "seq": {"$gte": seq}}
    await until(lambda: database[EFFECT_STATES].find_one(wanted), what="the analytics hold every change")


async def write_followed(database: Database, people: "People", changes: int) -> None:
    """Make changes while the analytics follow them, and wait for the last one."""
    await until_current(database)
    await people.write(changes)
    await until_current(database)


async def counters(database: Database) -> dict[str, Any]:
    """Read all counters in a form that can be compared; zeros are left out."""
    found = {}
    for name in (VALUES, SERIES):
        for document in await database[name].find().to_list():
            own = tuple(document.pop("_id").values())
            for part, value in document.items():
                inner = value if isinstance(value, dict) else {"": value}
                found |= {(own, part, key): number for key, number in inner.items() if number}
    return found


class People:
    """Writes of other clients, and what they leave behind."""

    def __init__(self, database: Database, seed: int) -> None:
        self.users = database["users"]
        self.chance = random.Random(seed)
        self.last: dict[Any, dict[str, Any]] = {}
        self.present: set[Any] = set()
        self.transitions: Counter[str] = Counter()

    async def write(self, times: int) -> None:
        for _ in range(times):
            await self._write_once()

    def _made(self, user_id: Any) -> dict[str, Any]:
        registered = NOW - timedelta(minutes=self.chance.randrange(60 * 24 * 900))
        user = {"created_at": registered, **messy_user(self.chance)}
        return bson.decode(bson.encode({**user, "_id": user_id}), IMAGE_CODEC)  # type: ignore[no-any-return]

    async def _write_once(self) -> None:
        known = sorted(self.last, key=str)
        user_id = self.chance.choice(known) if known and self.chance.random() < 0.6 else ObjectId()
        match self.chance.randrange(6):
            case 0 if user_id in self.present:
                await self.users.delete_one({"_id": user_id})
                self.present.discard(user_id)
            case 1 if user_id in self.present:
                await self._set(user_id, {"deleted_at": self.chance.choice([NOW, False, None, "then"])})
            case 2 if user_id in self.present:
                await self._set(user_id, {"status": self.chance.choice(STATUSES)})
            case 3 if user_id in self.present:
                await self._set(user_id, messy_user(self.chance))
            case _ if user_id not in self.present:
                # Also a user that was removed: it returns.
                user = self._made(user_id)
                await self.users.insert_one(dict(user))
                self.present.add(user_id)
                self.last[user_id] = user
            case _:
                pass

    async def _set(self, user_id: Any, fields: dict[str, Any]) -> None:
        before = DIMENSIONS["status"].values_of(self.last[user_id])[0]
        fields = bson.decode(bson.encode(fields), IMAGE_CODEC)
        await self.users.update_one({"_id": user_id}, {"$set": fields})
        self.last[user_id] = {**self.last[user_id], **fields}
        after = DIMENSIONS["status"].values_of(self.last[user_id])[0]
        if before != after:
            self.transitions[f"{before}>{after}"] += 1

    def expected(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Count everybody that ever registered, and those that are there."""
        registered: Counter[tuple[str, str]] = Counter()
        present: Counter[tuple[str, str]] = Counter()
        for user_id, user in self.last.items():
            keys = [("", "")]
            for name, dimension in DIMENSIONS.items():
                values = dimension.values_of(user)
                keys += [(name, value) for value in values]
                keys += [(name, "")] * len(values) if dimension.is_multi_valued else []
            registered.update(keys)
            if user_id in self.present and user.get("deleted_at") is None:
                present.update(keys)
        return {key: (number, present[key]) for key, number in registered.items()}


async def stored_values(database: Database) -> dict[tuple[str, str], tuple[int, int]]:
    documents = await database[VALUES].find().to_list()
    return {
        (each["_id"]["d"], each["_id"]["v"]): (each.get("registered", 0), each.get("present", 0))
        for each in documents
    }


async def stored_transitions(database: Database) -> dict[str, int]:
    found: Counter[str] = Counter()
    async for each in database[SERIES].find({"_id.d": TRANSITION}):
        assert each["n"] == sum(each["r"].values()) == sum(each["rs"].values())
        found[each["_id"]["v"]] += each["n"]
    return found


async def assert_equal_to_pipeline(database: Database, *, has_cohorts_by_value: bool = True) -> None:
    """Compare every answer of the counters with the full aggregation."""
    marts, pipeline = Marts(database=database), exact(database)
    for question in questions():
        assert await marts.answer(question) == await pipeline.answer(question), question
    totals = [CubeQuestion(), *(CubeQuestion(dimension=name, top=4) for name in DIMENSIONS)]
    assert await marts.answer_all(totals) == await pipeline.answer_all(totals)
    today = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days
    for name in (None, *DIMENSIONS):
        question = CubeQuestion(dimension=name, top=5)
        found = [ages_of(line, today=today) for line in await marts.ages(question)]
        assert found == [ages_of(line, today=today) for line in await pipeline.ages(question)]
        assert found[0].users
    months = list(months_between("2024-04", "2026-12"))
    for name in (None, *(DIMENSIONS if has_cohorts_by_value else ())):
        question = CubeQuestion(dimension=name, top=3, by=CubeMetric.REGISTERED)
        cohorts = await marts.cohorts(months, question)
        assert cohorts == await pipeline.cohorts(months, question), name
        assert any(each.ends and each.present and each.active for each in cohorts[0].months.values())
    edges = tuple(slot_of(datetime.now(UTC)) + moved for moved in (-96, -1, 0, 1, 2))
    transitions = await marts.transitions(edges)
    assert transitions == await pipeline.transitions(edges)
    assert any(map(any, transitions.values()))


def exact(database: Database) -> Exact:
    return Exact(database=database, max_time_ms=600_000)


def questions() -> Iterator[CubeQuestion]:
    """Ask for all times and intervals, by each dimension, with few and all values."""
    calendar = Calendar(zone=ZoneInfo("Asia/Kathmandu"))
    period = period_of(NOW - timedelta(days=950), NOW)
    months = buckets_of(period, BucketUnit.MONTH, calendar)
    local = (period.first, *(bucket.end for bucket in months))
    days = tuple(first_slot(f"2025-{month:02}") for month in range(1, 13))
    cut = (
        first_slot("2024-05", "17") + 3,
        first_slot("2024-08"),
        first_slot("2025-08"),
        first_slot("2026-03", "02"),
    )
    for edges in (None, local, days, cut):
        yield CubeQuestion(edges=edges)
        for name in DIMENSIONS:
            yield CubeQuestion(edges=edges, dimension=name, top=3)
            yield CubeQuestion(edges=edges, dimension=name, top=50, by=CubeMetric.REGISTERED)
    yield CubeQuestion(dimension="location", values=("none", "a.$b", "unknown"))
