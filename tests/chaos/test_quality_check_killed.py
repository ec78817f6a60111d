"""A real worker is killed while it makes the nightly check; another one makes it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from docustore.config import Settings
from docustore.database import Database
from docustore.quality.checks import CHECKS
from tests.chaos.programs import WORKER, program
from tests.integration.changes.test_quality import keeping, until_current, user
from tests.waiting import until

# A queue database for these tests alone; Valkey has sixteen.
QUEUE_DATABASE = 12
USERS = 2_000

pytestmark = [pytest.mark.chaos]


@pytest.fixture
async def queue_settings(settings: Settings) -> AsyncIterator[Settings]:
    address = f"{(settings.redis_url or '').rsplit('/', 1)[0]}/{QUEUE_DATABASE}"
    async with Redis.from_url(address) as queue:
        await queue.flushdb()
        yield settings.model_copy(update={"redis_url": address})
        await queue.flushdb()


async def test_check_of_a_killed_worker_ends_once(
    database: Database, queue_settings: Settings, tmp_path: Path
) -> None:
    await database["users"].insert_many([user(n) for n in range(USERS)])
    async with keeping(database, queue_settings):
        await until_current(database, queue_settings)
    # An hour ago, so that the test crosses neither the begin nor the end of the night.
    extra = {"DOCUSTORE_QUALITY_CHECK_AT": f"{datetime.now(UTC) - timedelta(hours=1):%H:%M}"}

    async with program(*WORKER, settings=queue_settings, log=tmp_path / "one.log", extra=extra) as victim:
        await until(lambda: database[CHECKS].find_one({}), what="a worker makes the check")
        await victim.kill()
    # As after the lease of a killed worker.
    expired = {"$set": {"lease_expires_at": datetime.fromtimestamp(0, UTC)}}
    await database[CHECKS].update_one({"finished_at": None}, expired)
    async with program(*WORKER, settings=queue_settings, log=tmp_path / "two.log", extra=extra) as other:
        await until(lambda: database[CHECKS].find_one({"finished_at": {"$ne": None}}), what="the check ends")
        await other.stop()

    [check] = await database[CHECKS].find().to_list()
    assert (check["trigger"], check["differences"]) == ("night", [])
