"""Queries: marts, the pipeline and a computation in Python give the same rows."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

import pytest
from bson import Code, Decimal128, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.query.answer import answer
from docustore.analytics.query.answers import QueryAnswer, Source
from docustore.analytics.query.cost import QueryLimits
from docustore.analytics.query.model import QueryInput
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import InvalidInputError, QueryTimedOutError, QueryTooExpensiveError
from tests.integration.analytics.naive_query import START, naive_rows, random_query, random_user
from tests.integration.analytics.test_marts import plain
from tests.integration.changes.analytics_counters import keeping, until_current

__all__ = ["plain"]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMITS = QueryLimits(max_documents=1_000_000, timeout_ms=60_000)
QUERIES = 100
# Made in 2025. The embedded MongoDB is older.
NEW_ZONE = "America/Coyhaique"


async def add(database: Database, users: list[dict[str, Any]]) -> None:
    """Insert users as other clients may write them."""
    await database["users"].insert_many(users, bypass_document_validation=True)


async def asked(database: Database, limits: QueryLimits = LIMITS, **parts: Any) -> QueryAnswer:
    query = QueryInput.model_validate({"metrics": ["users"], **parts})
    return await answer(database, query, now=NOW, limits=limits)


def same(left: list[list[Any]], right: list[list[Any]]) -> bool:
    """Tell whether two sets of rows are equal."""
    return Counter(map(tuple, left)) == Counter(map(tuple, right))


async def test_pipeline_equals_python(plain: Database) -> None:
    """Users as any client may have written them."""
    chance = random.Random(4)
    users = [random_user(chance, number) for number in range(80)]
    users += [{"_id": "text", "email": "x"}, {"_id": 5, "status": "Active", "roles": ["a", "a"]}]
    await plain["users"].insert_many(users)
    stored = await plain["users"].find({}).to_list()

    for _ in range(QUERIES):
        body = random_query(chance)
        whole = QueryInput.model_validate({**body, "limit": 10_000})
        found = await answer(plain, whole, now=NOW, limits=LIMITS)
        cut = await asked(plain, **body)

        assert same(found.rows, naive_rows(whole, stored, now=NOW)), body
        assert found.source is Source.PIPELINE
        assert cut.rows == found.rows[: body["limit"]], body
        assert cut.is_truncated is (len(found.rows) > body["limit"]), body


async def test_mart_equals_pipeline(database: Database, settings: Settings) -> None:
    """Also for users that other clients change and remove."""
    chance = random.Random(5)
    async with keeping(database, settings):
        for number in range(60):
            await add(database, [random_user(chance, number)])
        for user in await database["users"].find({}).limit(20).to_list():
            changed = {"$set": {"status": "inactive"}}
            await database["users"].update_one({"_id": user["_id"]}, changed, bypass_document_validation=True)
        await database["users"].delete_many({"roles": "Porto"})
        await until_current(database)

    by_mart: Counter[tuple[str, ...]] = Counter()
    for _ in range(2 * QUERIES):
        body = random_query(chance, share=chance.choice([0, 0.5, 1]))
        found, exact = await asked(database, **body), await asked(database, **body, exact=True)

        assert (found.rows, found.is_truncated) == (exact.rows, exact.is_truncated), body
        if found.source is Source.MART:
            by_mart[tuple(body["dimensions"])] += 1
    assert by_mart.total() > QUERIES / 2
    assert len(by_mart) > len(DIMENSIONS) / 2


@pytest.mark.parametrize(
    ("parts", "source"),
    [
        ({}, Source.MART),
        ({"dimensions": ["status"]}, Source.MART),
        ({"metrics": ["users", "average_age_days"]}, Source.MART),
        ({"time": {"bucket": "month"}}, Source.MART),
        ({"time": {"bucket": "month", "timezone": "Europe/Amsterdam"}}, Source.PIPELINE),  # the counters of days
        ({"time": {"since": "2024-01-01T00:00:00Z"}}, Source.MART),
        ({"time": {"since": "2024-01-01T01:00:00Z"}}, Source.PIPELINE),
        ({"exact": True}, Source.PIPELINE),
        ({"metrics": ["registrations"]}, Source.PIPELINE),
        ({"dimensions": ["role"]}, Source.PIPELINE),
        ({"filters": [{"field": "status", "op": "eq", "value": "active"}]}, Source.PIPELINE),
    ],
)
async def test_mart_answers_what_it_can_add_up(database: Database, parts: dict[str, Any], source: Source) -> None:
    await database["user_stats"].insert_one(
        {"_id": "users", "total": 0, "dated": 0, "created_at_sum_s": 0, "by_status": {}, "as_of": NOW}
    )

    found, explained = await asked(database, **parts), await asked(database, **parts, explain=True)

    assert found.source is source
    assert explained.explanation is not None
    assert (explained.explanation.source, explained.rows) == (source, [])


async def test_range_holds_users_whose_registration_is_no_time(plain: Database) -> None:
    """The time of their id counts, whatever type another client has written."""
    odd: list[Any] = [None, "", 1, Decimal128("1"), {}, [], b"x", ObjectId(), True, Regex("x"), Timestamp(1, 1)]
    odd += [Code("x"), Code("x", {"a": 1}), MinKey(), MaxKey(), DatetimeMS(10**15), DatetimeMS(-(10**15))]
    await plain["users"].insert_many([{"created_at": each} for each in odd])

    found = await asked(plain, time={"since": "2020-01-01T00:00:00Z"})

    assert found.rows == [[len(odd)]]


@pytest.mark.parametrize(
    ("zone", "bucket", "registered", "first"),
    [
        # The clocks repeat the first hour of the day, or skip it.
        ("America/Havana", "day", "2015-11-01T12:00:00Z", "2015-11-01T00:00:00-04:00"),
        ("America/Havana", "month", "2015-11-01T05:30:00Z", "2015-11-01T00:00:00-04:00"),
        ("America/Sao_Paulo", "day", "2018-11-04T12:00:00Z", "2018-11-04T01:00:00-02:00"),
        # The clocks changed by half an hour or a quarter.
        ("America/Caracas", "hour", "2010-07-01T04:45:00Z", "2010-07-01T00:00:00-04:30"),
        ("Australia/Lord_Howe", "hour", "2016-06-25T16:40:00Z", "2016-06-26T03:00:00+10:30"),
        ("Asia/Kathmandu", "hour", "1980-01-01T00:20:00Z", "1980-01-01T05:00:00+05:30"),
        ("Asia/Kathmandu", "hour", "2020-01-01T00:20:00Z", "2020-01-01T06:00:00+05:45"),
    ],
)
async def test_bucket_is_its_first_moment_on_the_clock(
    database: Database, settings: Settings, zone: str, bucket: str, registered: str, first: str
) -> None:
    moment = datetime.fromisoformat(registered)
    since = (moment - timedelta(days=60)).isoformat()
    until = (moment + timedelta(days=60)).isoformat()
    async with keeping(database, settings):
        await add(database, [{"email": "a@example.org", "created_at": moment}])
        await until_current(database)

    time = {"bucket": bucket, "timezone": zone, "since": since, "until": until}
    whole = await asked(database, time=time, exact=True)
    day = {"since": (moment - timedelta(hours=2)).isoformat(), "until": (moment + timedelta(hours=3)).isoformat()}
    part = await asked(database, metrics=["registrations"], time={**time, **day})

    assert (whole.rows, part.rows) == ([[first, 1]], [[first, 1]])


@pytest.mark.parametrize(
    ("user", "field", "exists"),
    [
        ({"tags": ["a", None]}, "tags", True),
        ({"tags": ["", "a"]}, "tags", True),
        ({"tags": [None, ""]}, "tags", False),
        ({"tags": []}, "tags", False),
        ({"tags": 5}, "tags", True),
        ({}, "tags", False),
        ({"profile": {"bio": "a"}}, "profile.bio", True),
        ({"profile": {"bio": ""}}, "profile.bio", False),
        ({"profile": ["a", 3]}, "profile.bio", False),
        ({"profile": "a"}, "profile.bio", False),
        ({"updated_at": NOW}, "updated_at", True),
    ],
)
async def test_value_of_any_type_exists_or_does_not(
    plain: Database, user: dict[str, Any], field: str, *, exists: bool
) -> None:
    await plain["users"].insert_one(user)

    found = [
        (await asked(plain, filters=[{"field": field, "op": "exists", "value": value}])).rows
        for value in (True, False)
    ]

    assert found == [[[int(exists)]], [[int(not exists)]]]


async def test_query_above_the_limit_is_refused_before_it_runs(database: Database) -> None:
    await add(database, [random_user(random.Random(1), number) for number in range(50)])
    few = QueryLimits(max_documents=20, timeout_ms=60_000)

    with pytest.raises(QueryTooExpensiveError, match=r"about 50 documents.*DOCUSTORE_QUERY_MAX_DOCUMENTS \(20\)"):
        await asked(database, few, exact=True)

    explained = await asked(database, few, exact=True, explain=True)
    assert explained.explanation is not None
    assert "50 documents" in (explained.explanation.refused or "")


async def test_groups_are_bounded_by_the_values_that_there_are(database: Database, settings: Settings) -> None:
    """Unknown dimensions would have a thousand values each: too many for two of them."""
    users = [random_user(random.Random(number), number) for number in range(30)]
    await add(database, [{**user, "roles": ["a", "b"], "tags": ["c"]} for user in users])
    two = {"dimensions": ["role", "tag"], "exact": True, "explain": True}

    before = await asked(database, **two)
    async with keeping(database, settings):
        await until_current(database)
        known = await asked(database, **two)

    assert before.explanation is not None
    assert known.explanation is not None
    assert before.explanation.estimate.groups == 30 * 16
    # Each dimension also has the sum of its values.
    assert known.explanation.estimate.groups == 3 * 2


async def test_query_out_of_memory_says_what_helps(plain: Database) -> None:
    """One user may have two hundred values in each of three dimensions: eight million groups."""
    labels = [f"{number:0100}" for number in range(200)]
    identities = [{"key": f"{label}:1"} for label in labels]
    await plain["users"].insert_one({"roles": labels, "tags": labels, "identities": identities})

    with pytest.raises(QueryTooExpensiveError, match="100 MB of memory"):
        await asked(plain, dimensions=["role", "tag", "source"])


async def test_index_bounds_the_estimate(database: Database) -> None:
    await add(database, [random_user(random.Random(number), number) for number in range(50)])
    few = QueryLimits(max_documents=20, timeout_ms=60_000)
    rare = [{"field": "location", "op": "eq", "value": "Delft"}]

    found = await asked(database, few, filters=rare, explain=True)

    assert found.explanation is not None
    assert found.explanation.estimate.uses_index
    assert found.explanation.estimate.documents < 20


async def test_range_of_registration_is_found_by_index(database: Database) -> None:
    await add(database, [random_user(random.Random(n), n) for n in range(50)])
    time = {"since": START.isoformat(), "until": (START + timedelta(days=20)).isoformat(), "bucket": "day"}

    found = await asked(database, time=time, exact=True, explain=True)

    assert found.explanation is not None
    assert found.explanation.estimate.uses_index
    assert found.explanation.estimate.documents < 25


async def test_slow_query_is_stopped_with_a_next_step(plain: Database) -> None:
    """No server groups so many users within a millisecond."""
    labels = [f"label{number}" for number in range(20)]
    await plain["users"].insert_many([{"roles": labels, "tags": labels} for _ in range(5000)])
    impatient = QueryLimits(max_documents=1_000_000, timeout_ms=1)

    with pytest.raises(QueryTimedOutError, match="DOCUSTORE_QUERY_TIMEOUT_MS"):
        await asked(plain, impatient, dimensions=["role", "tag"])


@pytest.mark.skipif(NEW_ZONE not in available_timezones(), reason="this machine does not know the zone either")
async def test_zone_that_only_python_knows_is_invalid(database: Database) -> None:
    await add(database, [random_user(random.Random(1), 1)])

    with pytest.raises(InvalidInputError, match="time zone"):
        await asked(database, time={"bucket": "day", "timezone": NEW_ZONE})
