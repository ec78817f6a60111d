"""The kept counters of the analytics against the users and their history."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from docustore.analytics.cube.ask import Asking, Request, ask_cohorts
from docustore.analytics.cube.counts import ENDED, SERIES, VALUES
from docustore.analytics.cube.marts import Marts
from docustore.analytics.cube.share import SHAPE, USER_ANALYTICS
from docustore.changes.committed import COMMITTED_STAGE
from docustore.changes.derived.check import derived_difference
from docustore.changes.effects.analytics import UserAnalyticsEffect
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.effects_control import rebuild_effect
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from tests.integration.changes.analytics_counters import (
    NOW,
    People,
    assert_equal_to_pipeline,
    counters,
    keeping,
    stored_transitions,
    stored_values,
    until_current,
    write_followed,
)


@pytest.fixture
async def plain(database: Database) -> AsyncIterator[Database]:
    """A database whose `users` takes any document."""
    bare: Database = database.client.get_database(f"{database.name}_{uuid4().hex[:6]}")
    await bare.create_collection("users", changeStreamPreAndPostImages={"enabled": True})
    await bare["user_history"].create_index([("user_id", 1), ("_id", -1)])
    yield bare
    await bare.client.drop_database(bare.name)


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
