"""The proof finds discrepancies, and no database of others is dropped."""

from typing import Any

from docustore.analytics.report import users_analytics
from docustore.changes.status import wait_until_applied
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.demo.demo_database import MARKER, keep_from_demos, make_empty
from docustore.demo.proof import OUTCOMES, discrepancies
from docustore.etl.models import EtlRun, RunTrigger
from tests.listening import listening, make_user

RUN: dict[str, Any] = {"id": "r1", "counts": {"read": 3, **dict.fromkeys(OUTCOMES, 0), "inserted": 3}}


async def filled(database: Database, settings: Settings) -> int:
    await database["users"].insert_many([make_user() for _ in range(3)])
    async with listening(database, settings):
        return await wait_until_applied(database)


async def found(database: Database, *, applied: int, run: dict[str, Any] = RUN) -> list[str]:
    analytics = await users_analytics(database, now=now_utc())
    return await discrepancies(database, runs=[run], applied=applied, analytics=analytics)


async def test_nothing_is_found_when_everything_reconciles(database: Database, settings: Settings) -> None:
    applied = await filled(database, settings)

    assert await found(database, applied=applied) == []


async def test_wrong_mart_is_found(database: Database, settings: Settings) -> None:
    applied = await filled(database, settings)
    await database["user_stats"].update_one({"_id": "users"}, {"$inc": {"total": 1}})

    assert len(await found(database, applied=applied)) == 2


async def test_lost_history_is_found(database: Database, settings: Settings) -> None:
    applied = await filled(database, settings)
    await database["user_history"].delete_one({})

    assert await found(database, applied=applied) == [
        "history has 2 rows up to number 3: 1 are missing",
        "history has 2 rows for 3 applied changes",
    ]


async def test_unaccounted_record_is_found(database: Database, settings: Settings) -> None:
    applied = await filled(database, settings)
    run = {"id": "r1", "counts": {**RUN["counts"], "read": 4}}

    assert await found(database, applied=applied, run=run) == ["run r1 read 4 records and accounts for 3"]


async def test_only_a_demonstration_is_dropped(database: Database) -> None:
    await database["users"].insert_one(make_user())

    assert not await make_empty(database)
    assert await database["users"].count_documents({}) == 1


async def test_earlier_demonstration_makes_room(settings: Settings, database: Database) -> None:
    del settings
    assert await make_empty(database)
    await database["users"].insert_one(make_user())

    assert await make_empty(database)
    assert await database["users"].count_documents({}) == 0


async def test_store_with_other_sources_is_not_dropped(database: Database) -> None:
    """A marked database may hold real users by now: then it has other sources."""
    await make_empty(database)
    await EtlRun(source="crm", trigger=RunTrigger.SCHEDULE, created_at=now_utc()).insert()
    await database["users"].insert_one(make_user())

    assert not await make_empty(database)
    assert await database["users"].count_documents({}) == 1


async def test_kept_store_is_no_demonstration(database: Database) -> None:
    await make_empty(database)
    await database["users"].insert_one(make_user())

    assert await keep_from_demos(database)

    assert not await keep_from_demos(database)
    assert await database[MARKER].find_one() is None
    assert not await make_empty(database)
