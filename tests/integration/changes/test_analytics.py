"""The kept counters of the analytics against the users and their history."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import bson
import pytest
from bson import ObjectId

from docustore.analytics.cube.ages_report import ages_of
from docustore.analytics.cube.answers import CubeMetric, CubeQuestion
from docustore.analytics.cube.ask import Asking, Request, ask_cohorts
from docustore.analytics.cube.buckets import BucketUnit, Calendar, buckets_of, period_of
from docustore.analytics.cube.cohorts_report import months_between
from docustore.analytics.cube.counts import ENDED, SERIES, VALUES
from docustore.analytics.cube.exact import Exact
from docustore.analytics.cube.marts import Marts
from docustore.analytics.cube.share import SHAPE, USER_ANALYTICS
from docustore.analytics.cube.slots import first_slot, slot_of
from docustore.analytics.cube.transitions import TRANSITION
from docustore.analytics.dimensions import DIMENSIONS
from docustore.changes.committed import COMMITTED_STAGE
from docustore.changes.derived.check import derived_difference
from docustore.changes.effects.analytics import UserAnalyticsEffect
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.effects_control import rebuild_effect
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


@pytest.fixture
async def plain(database: Database) -> AsyncIterator[Database]:
    """A database whose `users` takes any document."""
    bare: Database = database.client.get_database(f"{database.name}_{uuid4().hex[:6]}")
    await bare.create_collection("users", changeStreamPreAndPostImages={"enabled": True})
    await bare["user_history"].create_index([("user_id", 1), ("_id", -1)])
    yield bare
    await bare.client.drop_database(bare.name)


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


async def test_random_history_equals_a_recount(plain: Database, settings: Settings) -> None:
    """Values of any type; users that are removed and return; a listener that stops in between."""
    people = People(plain, seed=11)
    await people.write(60)
    # Nobody knows the users that are gone before the first listener starts.
    people.last = {user_id: user for user_id, user in people.last.items() if user_id in people.present}
    for _ in range(2):
        async with keeping(plain, settings):
            await people.write(60)
            await until_current(plain)
        # Nobody listens: a user may come and go between two looks at it.
        await people.write(60)
    async with keeping(plain, settings):
        await until_current(plain)
        difference = await derived_difference(plain, UserAnalyticsEffect(settings))

    assert difference is None
    assert await stored_values(plain) == people.expected()
    assert await plain[USER_ANALYTICS].count_documents({}) == len(people.last)
    await assert_equal_to_pipeline(plain)


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
    """Ask for all times and for intervals, by each dimension, with few and with all values."""
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


async def test_store_of_an_older_release_is_brought_forward(plain: Database, settings: Settings) -> None:
    """Its counters answer meanwhile; then years and ends by value are those of all users."""
    people = People(plain, seed=15)
    async with keeping(plain, settings):
        await write_followed(plain, people, 120)
    whole = await counters(plain)
    await make_older(plain)
    assert await counters(plain) != whole

    await assert_equal_to_pipeline(plain, has_cohorts_by_value=False)
    async with keeping(plain, settings):
        await people.write(60)
        await until_current(plain)
        difference = await derived_difference(plain, UserAnalyticsEffect(settings))

    assert difference is None
    assert await plain[USER_ANALYTICS].count_documents({"shape": {"$ne": SHAPE}}) == 0
    await assert_equal_to_pipeline(plain)


async def make_older(database: Database) -> None:
    """Make the shares and counters what version 1 of the effect has kept."""
    await database[USER_ANALYTICS].update_many({}, {"$unset": {"shape": ""}})
    years = {f"y{year}": "" for year in range(1960, 2030)}
    await database[VALUES].update_many({}, {"$unset": years})
    await database[SERIES].update_many({"_id.d": {"$ne": ENDED}}, {"$unset": {"e": ""}})
    await database[EFFECT_STATES].update_one({"_id": USER_ANALYTICS}, {"$set": {"version": 1, "live_version": 1}})


@pytest.mark.parametrize("dimension", ["location", "tag"])
async def test_cohorts_by_value_equal_a_count_by_hand(plain: Database, settings: Settings, dimension: str) -> None:
    chance = random.Random(16)
    people = []
    for _ in range(60):
        registered = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(120))
        ended = registered + timedelta(days=chance.randrange(90)) if chance.random() < 0.5 else None
        words = chance.sample(["a", "b", "c", "d"], k=2)
        profile = {"location": words[0]}
        people.append({"created_at": registered, "deleted_at": ended, "profile": profile, "tags": words})
    await plain["users"].insert_many(people)
    async with keeping(plain, settings):
        await until_current(plain)

    asking = Asking(source=Marts(database=plain, committed=COMMITTED_STAGE), now=datetime(2024, 8, 15, tzinfo=UTC))
    since = datetime(2024, 1, 1, tzinfo=UTC)
    report = await ask_cohorts(asking, Request(since=since, dimension=dimension, top=2))

    named = list(dict.fromkeys(cohort.value for cohort in report.cohorts))
    assert (named[0], named[3], len(named)) == (None, "other", 4)
    for cohort in report.cohorts:
        own = [
            person
            for person in people
            for value in ([person["profile"]["location"]] if dimension == "location" else person["tags"])
            if f"{person['created_at']:%Y-%m}" == cohort.month
            and (value == cohort.value or (cohort.value == "other" and value not in named))
        ]
        if cohort.value is None:
            own = [person for person in people if f"{person['created_at']:%Y-%m}" == cohort.month]
        assert cohort.registered == len(own)
        assert cohort.present == sum(person["deleted_at"] is None for person in own)
        for cell in cohort.cells:
            left = [
                each for each in own if each["deleted_at"] is None or f"{each['deleted_at']:%Y-%m}" > cell.month
            ]
            assert cell.retained == len(left), (cohort.value, cohort.month, cell.month)


async def test_transitions_are_those_of_history(plain: Database, settings: Settings) -> None:
    people = People(plain, seed=12)
    async with keeping(plain, settings):
        await write_followed(plain, people, 150)
        live = await stored_transitions(plain)
    await people.write(150)
    async with keeping(plain, settings):
        await until_current(plain)

    assert sum(live.values())
    assert await stored_transitions(plain) == people.transitions


async def test_rebuild_from_nothing_knows_the_removed(plain: Database, settings: Settings) -> None:
    people = People(plain, seed=13)
    async with keeping(plain, settings):
        await write_followed(plain, people, 250)
    before = await counters(plain)
    for name in (USER_ANALYTICS, VALUES, SERIES):
        await plain[name].delete_many({})
    wrong = await derived_difference(plain, UserAnalyticsEffect(settings))

    await rebuild_effect(plain, USER_ANALYTICS, actor="cli:ada", effects=EFFECTS, derived=DERIVED)
    async with keeping(plain, settings):
        await people.write(0)
        await until_current(plain)

    assert wrong is not None
    assert f"user_analytics is wrong for {len(people.last)} users" in wrong
    assert await counters(plain) == before
    assert any(not part["present"] for part in await plain[USER_ANALYTICS].find({"gone": True}).to_list())


async def test_rebuild_under_writes_counts_each_row_once(plain: Database, settings: Settings) -> None:
    people = People(plain, seed=14)
    async with keeping(plain, settings):
        await until_current(plain)
        await people.write(100)
        await until_current(plain)
        await rebuild_effect(plain, USER_ANALYTICS, actor="cli:ada", effects=EFFECTS, derived=DERIVED)
        await people.write(100)
        await until_current(plain)
        difference = await derived_difference(plain, UserAnalyticsEffect(settings))

    assert difference is None
    assert await stored_transitions(plain) == people.transitions
    assert await stored_values(plain) == people.expected()


async def test_wrong_counter_is_named(plain: Database, settings: Settings) -> None:
    await plain["users"].insert_one({"profile": {"location": "a.$b"}, "created_at": NOW})
    async with keeping(plain, settings):
        await until_current(plain)
    location = {"d": "location", "v": "a.$b"}
    await plain[VALUES].update_one({"_id": location}, {"$inc": {"present": 1}})
    await plain[SERIES].update_one({"_id": {**location, "m": "2026-11"}}, {"$inc": {"rs.2648": 2}})

    difference = await derived_difference(plain, UserAnalyticsEffect(settings))

    assert difference == (
        "analytics counts 3 for location a.$b 2026-11 rs.2648, the users say 1; "
        "analytics counts 2 for location a.$b present, the users say 1"
    )


async def test_many_registrations_of_a_month_in_one_step(plain: Database, settings: Settings) -> None:
    """The documents of the month are written back whole; later steps move parts of them."""
    begin = datetime(2024, 5, 1, tzinfo=UTC)
    users = [
        {"email": f"u{n}@example.org", "created_at": begin + timedelta(minutes=40 * n), "deleted_at": None}
        for n in range(600)
    ]
    await plain["users"].insert_many(users)
    differences = []
    async with keeping(plain, settings):
        for change in ("none", "delete a half", "delete all but one"):
            if change == "delete a half":
                await plain["users"].update_many(
                    {"created_at": {"$lt": begin + timedelta(8)}}, {"$set": {"deleted_at": NOW}}
                )
            elif change == "delete all but one":
                await plain["users"].delete_many({"_id": {"$ne": users[-1]["_id"]}})
            await until_current(plain)
            differences.append(await derived_difference(plain, UserAnalyticsEffect(settings)))
    month = await plain[SERIES].find_one({"_id": {"d": "", "v": "", "m": "2024-05"}})

    assert differences == [None] * 3
    assert month is not None
    assert (month["n"], len(month["rs"]), sum(month["p"].values())) == (600, 600, 1)
