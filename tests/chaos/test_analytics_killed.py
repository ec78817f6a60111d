"""The real listener process is killed while it builds and follows the analytics."""

import asyncio
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from docustore.analytics.cube.share import USER_ANALYTICS
from docustore.changes.derived.check import derived_difference
from docustore.changes.effects.analytics import UserAnalyticsEffect
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.effects_control import rebuild_effect
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from tests.chaos.programs import LISTENER, program
from tests.chaos.scale import SEED, scaled
from tests.integration.changes.analytics_counters import assert_equal_to_pipeline, until_current
from tests.listening import JOINED, make_user
from tests.waiting import until

KILLS = int(scaled(bounded=1, full=20))
USERS = int(scaled(bounded=600, full=10_000))
STATUSES = ("active", "inactive", "suspended")
LOCATIONS = ("Delft", "Bergen", "a.$b", "$c")
SOON = {"DOCUSTORE_CHANGES_LEASE_S": "2"}

pytestmark = [pytest.mark.chaos]


def joined(chance: random.Random) -> dict[str, Any]:
    profile = {"location": chance.choice(LOCATIONS), "preferences": {"theme": "dark", "language": "nl"}}
    moment = JOINED + timedelta(minutes=chance.randrange(60 * 24 * 900))
    return make_user(created_at=moment, profile=profile, tags=[chance.choice("abc")])


async def test_killed_listener_leaves_right_counters(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    """Counters equal a recount and the pipeline, whatever happens to users meanwhile."""
    chance = random.Random(SEED)
    users = [joined(chance) for _ in range(USERS)]
    await database["users"].insert_many(users)
    is_done = False

    async def write() -> None:
        while not is_done:
            one, two, three = (chance.choice(users)["_id"] for _ in range(3))
            changed = {"status": chance.choice(STATUSES), "profile.location": chance.choice(LOCATIONS)}
            await database["users"].update_one({"_id": one}, {"$set": changed})
            await database["users"].update_one({"_id": two}, [{"$set": {"deleted_at": "$$NOW"}}])
            await database["users"].delete_one({"_id": three})
            users.append(joined(chance))
            await database["users"].insert_one(users[-1])
            await asyncio.sleep(0.02)  # a steady load that leaves time for other processes

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        for kill in range(KILLS):
            log = tmp_path / f"listener{kill}.log"
            async with program(*LISTENER, settings=settings, log=log, extra=SOON) as victim:
                begun = {"_id": USER_ANALYTICS, "build.users": {"$gt": 0}}
                await until(lambda begun=begun: database[EFFECT_STATES].find_one(begun))
                await victim.kill()
            if kill % 2:
                await rebuild_effect(database, USER_ANALYTICS, actor="cli:ada", effects=EFFECTS, derived=DERIVED)
        is_done = True

    async with program(*LISTENER, settings=settings, log=tmp_path / "last.log", extra=SOON) as last:
        await until_current(database)
        await last.end()

    assert await derived_difference(database, UserAnalyticsEffect(settings)) is None
    await assert_equal_to_pipeline(database)
