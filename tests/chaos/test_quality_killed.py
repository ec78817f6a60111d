"""The real listener process is killed while it judges all users by an edited rule."""

import asyncio
import json
from pathlib import Path

import pytest

from docustore.changes.derived.check import derived_difference
from docustore.changes.effects.quality import UserQualityEffect
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.effects_control import rebuild_effect
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from docustore.quality.stored import USER_QUALITY, counts_at
from docustore.quality_settings import RuleSettings
from tests.chaos.programs import LISTENER, program
from tests.chaos.scale import scaled
from tests.listening import make_user
from tests.waiting import until

KILLS = int(scaled(bounded=2, full=20))
USERS = int(scaled(bounded=1_200, full=10_000))

pytestmark = [pytest.mark.chaos]


def edited(settings: Settings, number: int) -> Settings:
    """Declare the rule anew: each pattern is a version of its own."""
    rule = RuleSettings(kind="pattern", field="last_name", pattern=f".*{number}")  # type: ignore[arg-type]
    return settings.model_copy(update={"quality_rules": {"last_name_form": rule}})


def environment(settings: Settings) -> dict[str, str]:
    rules = {
        name: rule.model_dump(mode="json", exclude_unset=True) for name, rule in settings.quality_rules.items()
    }
    return {"DOCUSTORE_QUALITY_RULES": json.dumps(rules), "DOCUSTORE_CHANGES_LEASE_S": "2"}


async def until_current(database: Database, settings: Settings) -> None:
    seq = await wait_until_applied(database)
    wanted = {
        "_id": USER_QUALITY,
        "configuration": UserQualityEffect(settings).configuration,
        "state": "live",
        "seq": {"$gte": seq},
    }
    await until(lambda: database[EFFECT_STATES].find_one(wanted), what="the quality holds every change")


async def test_edits_of_a_rule_under_writes_and_kills_end_equal_to_a_rebuild(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    """Each listener has another version of the rule, and is killed before or after it has judged all users."""
    users = [make_user(last_name=f"Name{n}") for n in range(USERS)]
    await database["users"].insert_many(users)
    is_done = False

    async def write() -> None:
        number = 0
        while not is_done:
            user = users[number % USERS]
            await database["users"].update_one({"_id": user["_id"]}, {"$set": {"last_name": f"Other{number}"}})
            await database["users"].delete_one({"_id": users[-1 - number % (USERS // 2)]["_id"]})
            await database["users"].insert_one(make_user(last_name=f"New{number}"))
            number += 1
            await asyncio.sleep(0.02)  # a steady load that leaves time for other processes

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        for kill in range(KILLS):
            own = edited(settings, kill)
            log = tmp_path / f"listener{kill}.log"
            wanted = {
                "_id": USER_QUALITY,
                "configuration": UserQualityEffect(own).configuration,
                "$or": [{"build.users": {"$gt": 0}}, {"state": "live"}],
            }
            async with program(*LISTENER, settings=settings, log=log, extra=environment(own)) as victim:
                await until(lambda wanted=wanted: database[EFFECT_STATES].find_one(wanted))  # type: ignore[misc]
                await victim.kill()
        is_done = True

    last = edited(settings, KILLS)
    async with program(
        *LISTENER, settings=settings, log=tmp_path / "last.log", extra=environment(last)
    ) as listener:
        await until_current(database, last)
        difference = await derived_difference(database, UserQualityEffect(last))
        kept = await counts_at(database, (await database.command("ping"))["operationTime"])
        await rebuild_effect(database, USER_QUALITY, actor="cli:ada", effects=EFFECTS, derived=DERIVED)
        await until_current(database, last)
        rebuilt = await counts_at(database, (await database.command("ping"))["operationTime"])
        await listener.end()

    assert difference is None
    assert kept == rebuilt
    assert kept["totals: users"] == await database["users"].count_documents({"deleted_at": None})
