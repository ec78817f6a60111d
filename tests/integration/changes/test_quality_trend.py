"""The trend: one document for each hour, gaps, days, unusual hours."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import InvalidQueryError
from docustore.quality.declared import rule_set
from docustore.quality.hours import Bucket, Subject, begin_of, day_document, report_id
from docustore.quality.stored import REPORTS, server_time
from docustore.quality.trend import compact_hours, keep_hour, quality_trend, subject_of
from tests.integration.changes.test_quality import keeping, until_current, user

RULES = rule_set({})
OVERALL: Subject = {"kind": "overall", "name": ""}
LAST_NAME: Subject = {"kind": "rule", "name": "last_name_present"}


def stored_hour(at: datetime, *, score: float = 90.0, violated: int = 10) -> dict[str, Any]:
    rule = {
        "version": RULES.ids["last_name_present"].partition("@")[2],
        "status": "warning",
        "violated": violated,
        "applicable": 100,
        "not_evaluated": 0,
        "score": 100.0 - violated,
        "anomaly": None,
    }
    return {
        "_id": report_id(Bucket.HOUR, at),
        "bucket": "hour",
        "at": at,
        "as_of": at,
        "users": 100,
        "score": score,
        "dimensions": {"completeness": score},
        "rules": {"last_name_present": rule},
    }


async def test_hour_is_stored_once_by_many_workers(database: Database, settings: Settings) -> None:
    await database["users"].insert_many([user(n, last_name="" if n < 2 else "L") for n in range(4)])
    async with keeping(database, settings):
        await until_current(database, settings)

    stored = await asyncio.gather(*(keep_hour(database, RULES) for _ in range(6)))
    again = await keep_hour(database, RULES)
    found = await quality_trend(
        database, LAST_NAME, bucket=Bucket.HOUR, since=now_utc() - timedelta(hours=3), until=None, now=now_utc()
    )

    hours = await database[REPORTS].count_documents({})
    # A new hour may begin between two calls.
    assert sum(stored) + again == hours <= 2
    last = found["points"][-1]
    assert (last["violated"], last["applicable"], last["score"], last["is_partial"]) == (2, 4, 50.0, True)
    assert [point["score"] for point in found["points"][:2]] == [None, None]


async def test_store_without_figures_has_gaps(database: Database) -> None:
    """Without a listener nothing is known, and nothing is stored."""
    stored = await keep_hour(database, RULES)
    found = await quality_trend(database, OVERALL, bucket=Bucket.DAY, since=None, until=None, now=now_utc())

    assert (stored, await database[REPORTS].count_documents({})) == (False, 0)
    assert {point["score"] for point in found["points"]} == {None}
    assert len(found["points"]) in {90, 91}


async def test_old_hours_become_days(database: Database) -> None:
    """Also after a crash that left a part of the hours of a stored day."""
    today = begin_of(await server_time(database), Bucket.DAY)
    days = [today - timedelta(days=number) for number in (41, 40, 2)]
    hours = [stored_hour(day + timedelta(hours=n), score=90.0 - n, violated=n) for day in days for n in range(3)]
    await database[REPORTS].insert_many(hours)
    interrupted = day_document(days[0], hours[:3])
    await database[REPORTS].insert_one(interrupted)
    await database[REPORTS].delete_one({"_id": hours[0]["_id"]})
    before = await _days(database, days[0])

    compacted = [await compact_hours(database, kept_days=35) for _ in range(2)]
    after = await _days(database, days[0])

    assert compacted == [2, 0]
    assert before == after
    known = {at: point for at, point in after.items() if point["hours"]}
    assert list(known) == sorted(days)
    assert {(point["score"], point["lowest"], point["hours"]) for point in known.values()} == {(88.0, 88.0, 3)}
    assert await database[REPORTS].count_documents({"bucket": "hour"}) == 3


async def _days(database: Database, since: datetime) -> dict[datetime, Any]:
    now = datetime.now(UTC)
    found = await quality_trend(database, OVERALL, bucket=Bucket.DAY, since=since, until=now, now=now)
    return {point["at"]: point for point in found["points"]}


async def test_unusual_hour_is_marked(database: Database, settings: Settings) -> None:
    """Half of the users lost their last names; in the weeks before, one in ten had none."""
    await database["users"].insert_many([user(n, last_name="" if n < 2 else "L") for n in range(4)])
    async with keeping(database, settings):
        await until_current(database, settings)
    at = begin_of(await server_time(database), Bucket.HOUR)
    # The next hour too: it may begin meanwhile.
    past = [at + timedelta(hours=ahead) - timedelta(weeks=week) for week in range(1, 5) for ahead in (0, 1)]
    await database[REPORTS].insert_many([stored_hour(each) for each in past])

    await keep_hour(database, RULES)

    [stored] = await database[REPORTS].find({"at": {"$gte": at}}).to_list()
    assert stored["rules"]["last_name_present"]["anomaly"]["is_anomalous"] is True
    assert stored["rules"]["last_name_present"]["anomaly"]["history"] == 4
    assert stored["rules"]["first_name_present"]["anomaly"] is None


@pytest.mark.parametrize(
    ("since", "until", "code"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), "range_empty"),
        (datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), "range_too_long"),
    ],
)
async def test_range_is_refused(database: Database, since: datetime, until: datetime, code: str) -> None:
    with pytest.raises(InvalidQueryError) as refusal:
        await quality_trend(database, OVERALL, bucket=Bucket.HOUR, since=since, until=until, now=now_utc())

    assert [error.code for error in refusal.value.errors] == [code]


def test_unknown_rule_is_refused() -> None:
    with pytest.raises(InvalidQueryError):
        subject_of(RULES, rule="nonsense", dimension=None)
