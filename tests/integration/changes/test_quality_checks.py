"""The nightly check: once a night, by one worker, resumed after a crash, with an incident."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from docustore.etl.incidents import open_incidents
from docustore.quality.checks import CHECKS, CheckTrigger, claim_night, last_check, run_check
from docustore.quality.declared import rule_set
from docustore.quality_settings import RuleSettings
from docustore.quality_watch.nightly import NightlyCheck
from docustore.quality_watch.watch import watch_quality
from tests.integration.changes.test_quality import keeping, until_current, user
from tests.waiting import until

RULES = rule_set({})


@pytest.fixture
async def judged(database: Database, settings: Settings) -> Settings:
    """Settings whose night is now, with users that were judged."""
    await database["users"].insert_many([user(n) for n in range(3)])
    async with keeping(database, settings):
        await until_current(database, settings)
    # An hour ago, so that no test crosses the begin or the end of the night.
    at = datetime.now(UTC) - timedelta(hours=1)
    return settings.model_copy(update={"quality_check_at": f"{at:%H:%M}"})


def worker(database: Database, settings: Settings, name: str = "one") -> NightlyCheck:
    return NightlyCheck(database, settings, owner=name, poll_s=0.01)


async def test_one_worker_checks_once_a_night(database: Database, judged: Settings) -> None:
    looks = await asyncio.gather(*(worker(database, judged, f"w{n}").look() for n in range(5)))
    again = await worker(database, judged).look()

    assert (sum(looks), again) == (1, False)
    [stored] = await database[CHECKS].find().to_list()
    assert (stored["trigger"], stored["differences"], stored["duration_s"] >= 0) == ("night", [], True)


async def test_check_of_a_killed_worker_is_made_by_another(database: Database, judged: Settings) -> None:
    night = await _night(database, judged)
    assert await claim_night(database, night, owner="killed")

    while_leased = await worker(database, judged, "two").look()
    await database[CHECKS].update_one(
        {"_id": night}, {"$set": {"lease_expires_at": datetime(2026, 1, 1, tzinfo=UTC)}}
    )
    after = await worker(database, judged, "two").look()

    assert (while_leased, after) == (False, True)


async def _night(database: Database, settings: Settings) -> str:
    """Let a worker make the check to learn its name, and forget it."""
    await worker(database, settings).look()
    [stored] = await database[CHECKS].find().to_list()
    await database[CHECKS].delete_many({})
    return str(stored["_id"])


async def test_stopped_worker_gives_the_check_back(database: Database, judged: Settings) -> None:
    running = worker(database, judged)
    running.start()
    await until(lambda: database[CHECKS].find_one({}))
    await running.stop()

    # It is either finished or free.
    left = await database[CHECKS].find({"finished_at": None}).to_list()
    assert left == []


@pytest.mark.parametrize("setting", ["off", "later"])
async def test_no_check_outside_the_night(database: Database, judged: Settings, setting: str) -> None:
    at = "off" if setting == "off" else f"{datetime.now(UTC) + timedelta(hours=3):%H:%M}"

    looked = await worker(database, judged.model_copy(update={"quality_check_at": at})).look()

    assert (looked, await database[CHECKS].count_documents({})) == (False, 0)


async def test_check_waits_while_users_are_judged(database: Database, judged: Settings) -> None:
    """Otherwise a check that compared nothing would count as one without a difference."""
    await database[EFFECT_STATES].update_one({"_id": "user_quality"}, {"$set": {"state": "building"}})

    looked = await worker(database, judged).look()

    assert (looked, await database[CHECKS].count_documents({})) == (False, 0)


async def test_check_by_other_rules_than_the_listener_compares_nothing(
    database: Database, judged: Settings
) -> None:
    """All verdicts would differ, and none of them would be wrong."""
    own = RuleSettings(kind="required", field="profile.bio")  # type: ignore[arg-type]

    found = await run_check(database, rule_set({"bio_given": own}), _none, trigger=CheckTrigger.CLI)

    assert isinstance(found, str)
    assert "other rules" in found


async def _none() -> str | None:
    return None


async def test_difference_is_an_incident_until_an_equal_check(database: Database, judged: Settings) -> None:
    async def watched() -> tuple[list[Any], list[str]]:
        await watch_quality(database, RULES, now=datetime.now(UTC), is_told=True)
        incidents = [each["kind"] for each in await open_incidents(database)]
        messages = database["alert_messages"].find({}, sort=[("at", 1)])
        return incidents, [each["event"] async for each in messages]

    await database["quality_counts"].update_one({"_id": "totals"}, {"$inc": {"users": 1}})
    await worker(database, judged).look()
    wrong = [await watched(), await watched()]
    await database["quality_counts"].update_one({"_id": "totals"}, {"$inc": {"users": -1}})
    unchecked = await watched()
    await run_check(database, RULES, _none, trigger=CheckTrigger.API)
    right = [await watched(), await watched()]

    opened = (["quality_differs"], ["quality.quality_differs"])
    assert [*wrong, unchecked] == [opened] * 3
    assert right == [([], ["quality.quality_differs", "quality.recovered"])] * 2
    check = await last_check(database)
    assert check is not None
    assert (check["trigger"], check["differences"]) == ("api", [])
