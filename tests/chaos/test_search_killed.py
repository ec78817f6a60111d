"""The real listener process is killed while it builds and follows the search index."""

import asyncio
from pathlib import Path

import pytest

from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.effects_control import rebuild_effect
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from docustore.users.search_index import USER_SEARCH
from tests.chaos.programs import LISTENER, program
from tests.chaos.scale import scaled
from tests.listening import make_user
from tests.searching import assert_index_is_fresh, until_searchable
from tests.waiting import until

KILLS = int(scaled(bounded=1, full=20))
USERS = int(scaled(bounded=1_200, full=10_000))
NAMES = ("McDonald", "O'Brien", "王小明", "Lovelace", "van der Berg")

pytestmark = [pytest.mark.chaos]


async def test_killed_in_builds_the_index_ends_fresh(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    """Users are renamed, deleted and added meanwhile; each build continues after the kill."""
    users = [make_user(last_name=NAMES[n % len(NAMES)]) for n in range(USERS)]
    await database["users"].insert_many(users)
    is_done = False

    async def write() -> None:
        number = 0
        while not is_done:
            user = users[number % USERS]
            await database["users"].update_one({"_id": user["_id"]}, {"$set": {"last_name": f"Renamed{number}"}})
            await database["users"].delete_one({"_id": users[-1 - number % (USERS // 2)]["_id"]})
            await database["users"].insert_one(make_user(last_name="Newcomer"))
            number += 1
            await asyncio.sleep(0.02)  # a steady load that leaves time for other processes

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        for kill in range(KILLS):
            async with program(
                *LISTENER,
                settings=settings,
                log=tmp_path / f"listener{kill}.log",
                extra={"DOCUSTORE_CHANGES_LEASE_S": "2"},
            ) as victim:
                await until(
                    lambda: database[EFFECT_STATES].find_one({"_id": USER_SEARCH, "build.users": {"$gt": 0}})
                )
                await victim.kill()
            await rebuild_effect(database, USER_SEARCH, actor="cli:ada", effects=EFFECTS, derived=DERIVED)
        is_done = True

    async with program(
        *LISTENER, settings=settings, log=tmp_path / "last.log", extra={"DOCUSTORE_CHANGES_LEASE_S": "2"}
    ) as last:
        await until_searchable(database)
        await last.end()

    await assert_index_is_fresh(database)
