"""Users with odd dates do not slow down questions about the others."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS

from docustore.analytics.marts import MAX_DATE_MS, MIN_DATE_MS
from docustore.analytics.query.answers import Source
from docustore.config import Settings
from docustore.database import Database
from tests.integration.analytics.naive_query import random_user
from tests.integration.analytics.test_query import add, asked
from tests.integration.changes.analytics_counters import keeping, until_current

ODD = [
    DatetimeMS(MIN_DATE_MS),
    DatetimeMS(MAX_DATE_MS),
    datetime(1, 1, 1, 5, tzinfo=UTC),
    datetime(1, 3, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 12, tzinfo=UTC),
    datetime(1899, 12, 30, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(3024, 7, 1, 1, tzinfo=UTC),
]
ZONES = ["UTC", "Asia/Kathmandu", "America/New_York", "Pacific/Pago_Pago", "Pacific/Kiritimati", "America/Caracas"]


def registered(moments: Iterable[Any]) -> list[dict[str, Any]]:
    return [{"email": f"at{number}@example.org", "created_at": moment} for number, moment in enumerate(moments)]


@pytest.fixture
async def odd(database: Database, settings: Settings) -> Database:
    chance = random.Random(8)
    users = [random_user(chance, number) for number in range(60)]
    async with keeping(database, settings):
        await add(database, [*users, *registered(ODD)])
        await until_current(database)
    return database


@pytest.mark.parametrize("bucket", ["day", "week", "month", "quarter", "year"])
async def test_counters_answer_with_odd_dates(odd: Database, bucket: str) -> None:
    """Each row is that of the aggregation."""
    for zone in ZONES:
        for week_start in ("monday", "saturday", "sunday") if bucket == "week" else ("monday",):
            for dimensions in ([], ["status"]):
                time = {"bucket": bucket, "timezone": zone, "week_start": week_start}
                question = {"metrics": ["users", "registrations"], "dimensions": dimensions, "time": time}

                found, exact = await asked(odd, **question), await asked(odd, **question, exact=True)

                assert (found.rows, found.source) == (exact.rows, Source.MART), question


async def test_hours_of_a_few_months_are_counted(database: Database, settings: Settings) -> None:
    moments = [*ODD, *(datetime(2026, 4, 4, 10, tzinfo=UTC) + timedelta(minutes=7 * n) for n in range(100))]
    async with keeping(database, settings):
        await add(database, registered(moments))
        await until_current(database)

    for zone in [*ZONES, "Australia/Lord_Howe"]:
        question: dict[str, Any] = {"metrics": ["registrations"], "time": {"bucket": "hour", "timezone": zone}}

        found, exact = await asked(database, **question), await asked(database, **question, exact=True)

        assert (found.rows, found.source) == (exact.rows, Source.MART), zone


async def test_registration_where_a_bucket_begins_is_left_to_the_aggregation(
    database: Database, settings: Settings
) -> None:
    """The day of Kathmandu began within a quarter of an hour in 1910."""
    moments = [datetime(1910, 5, 5, 18, minute, tzinfo=UTC) for minute in (17, 19)]
    async with keeping(database, settings):
        await add(database, registered(moments))
        await until_current(database)
    time = {"bucket": "day", "timezone": "Asia/Kathmandu"}

    found = await asked(database, time=time)
    explained = await asked(database, time=time, explain=True)

    assert (found.source, [users for _, users in found.rows]) == (Source.PIPELINE, [1, 1])
    assert explained.explanation is not None
    assert "quarter of an hour in which a bucket begins" in explained.explanation.reason


async def test_range_counts_only_its_users(odd: Database) -> None:
    for bounds in (
        {"since": "0001-01-02T00:00:00Z", "until": "1980-01-01T00:00:00Z"},
        {"since": "2024-03-01T00:00:00Z"},
        {"until": "2024-03-01T00:00:00Z"},
        {"since": "9000-01-01T00:00:00Z"},
        {"since": "4000-01-01T00:00:00Z", "until": "5000-01-01T00:00:00Z"},
    ):
        for buckets in ({}, {"bucket": "month", "timezone": "Asia/Kathmandu"}):
            question = {"dimensions": ["location"], "time": {**bounds, **buckets}}

            found, exact = await asked(odd, **question), await asked(odd, **question, exact=True)

            assert (found.rows, found.source) == (exact.rows, Source.MART), question
