"""The rules of events and of the aggregation agree on any document."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from bson import ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS

from docustore.analytics.marts import MAX_DATE_MS, MIN_DATE_MS, UserMarts, share_of
from docustore.analytics.reconcile import marts_at, reconcile
from docustore.analytics.report import users_analytics
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from tests.listening import following, make_user

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WEIRD: list[dict[str, Any]] = [
    {},
    {"status": None, "created_at": None},
    {"status": "Active"},
    {"status": "a.$b"},
    {"status": ["active"]},
    {"status": {"$x": 1}},
    {"status": 7},
    {"deleted_at": NOW},
    {"deleted_at": False},
    {"deleted_at": [None]},
    {"_id": "text"},
    {"_id": 5, "created_at": "2024-05-01"},
    {"_id": {"a": 1}, "created_at": 1_700_000_000},
    {"_id": ObjectId("ffffffff" + "0" * 16)},
    {"_id": ObjectId("7fffffff" + "0" * 16)},
    {"created_at": DatetimeMS(-1)},
    {"created_at": DatetimeMS(-1001)},
    {"created_at": DatetimeMS(MIN_DATE_MS)},
    {"created_at": DatetimeMS(MIN_DATE_MS - 1)},
    {"created_at": DatetimeMS(MAX_DATE_MS)},
    {"created_at": DatetimeMS(MAX_DATE_MS + 1)},
    {"created_at": DatetimeMS(2**62)},
    {"created_at": datetime(2024, 2, 29, 23, 59, 59, 999000, tzinfo=UTC)},
]


@pytest.fixture
async def plain(database: Database) -> AsyncIterator[Database]:
    """A database whose `users` has no validator and no index."""
    bare: Database = database.client.get_database(f"{database.name}_{uuid4().hex[:6]}")
    yield bare
    await bare.client.drop_database(bare.name)


async def test_both_rules_agree_on_any_document(plain: Database) -> None:
    await plain["users"].insert_many([dict(user) for user in WEIRD])
    exact = CodecOptions[dict[str, Any]](datetime_conversion=DatetimeConversion.DATETIME_MS)
    expected = UserMarts()
    async for user in plain["users"].with_options(codec_options=exact).find():
        if (share := share_of(user)) is not None:
            expected.add(share, 1)

    actual = await marts_at(plain, (await plain.command("ping"))["operationTime"])

    assert actual == expected.without_zeros()


async def test_weird_users_are_counted_and_recorded(plain: Database, settings: Settings) -> None:
    own = settings.model_copy(update={"mongodb_database": plain.name})
    await plain.create_collection("users", changeStreamPreAndPostImages={"enabled": True})
    await plain["users"].insert_many([dict(user) for user in WEIRD[:12]])

    async with following(plain, own):
        await wait_until_applied(plain)
        await plain["users"].insert_many([dict(user) for user in WEIRD[12:]])
        await plain["users"].update_many({}, {"$set": {"seen": True}})
        seq = await wait_until_applied(plain)

    assert seq == 2 * len(WEIRD)
    assert (await reconcile(plain)).is_empty


async def test_report_has_the_shape_of_the_seed(database: Database, settings: Settings) -> None:
    days = [NOW, NOW - timedelta(days=1), NOW - timedelta(days=29), NOW - timedelta(days=30), NOW]
    users = [make_user(created_at=day) for day in days]
    users[0]["status"] = "inactive"
    users[4]["deleted_at"] = NOW
    await database["users"].insert_many(users)

    async with following(database, settings):
        await wait_until_applied(database)
    report = await users_analytics(database, now=NOW)

    assert isinstance(report.pop("as_of"), datetime)  # type: ignore[misc]
    assert report == {
        "total_users": 4,
        "status_distribution": {"active": 3, "inactive": 1, "suspended": 0},
        "registration_trends": [
            {"date": "2026-10-24", "count": 1},
            {"date": "2026-11-21", "count": 1},
            {"date": "2026-11-22", "count": 1},
        ],
        "average_account_age_days": 15.0,
    }


async def test_report_before_the_first_start_is_empty(database: Database) -> None:
    report = await users_analytics(database, now=NOW)

    assert report["total_users"] == 0
    assert report["as_of"] is None


async def test_reconcile_names_every_wrong_figure(database: Database, settings: Settings) -> None:
    await database["users"].insert_one(make_user())
    async with following(database, settings):
        await wait_until_applied(database)
    await database["user_stats"].update_one({"_id": "users"}, {"$inc": {"total": 1, "by_status.active": 1}})

    difference = await reconcile(database)

    assert difference.is_same_instant
    assert difference.figures == {"total": (2, 1), "by_status.active": (2, 1)}


async def test_reconcile_sees_through_changes_not_applied(database: Database, settings: Settings) -> None:
    """The marts of a stopped listener are right as of its position."""
    async with following(database, settings):
        await wait_until_applied(database)
    await database["users"].insert_one(make_user())

    assert (await reconcile(database)).is_empty
