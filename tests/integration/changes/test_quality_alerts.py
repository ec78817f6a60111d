"""Incidents of rules: told once for each owner, recovered once, waived, unusual."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from docustore.etl.incidents import open_incidents
from docustore.quality.declared import rule_set
from docustore.quality.hours import Bucket, begin_of
from docustore.quality.stored import REPORTS
from docustore.quality.verdict import RuleSet
from docustore.quality.waivers import WAIVERS, unwaive_rule, waive_rule
from docustore.quality_settings import RuleSettings
from docustore.quality_watch.watch import watch_quality
from tests.integration.changes.test_quality import keeping, until_current, user
from tests.integration.changes.test_quality_trend import stored_hour
from workers.tasks import keep_quality

OWNERS = {
    "first_name_present": RuleSettings(owner="crm team"),  # type: ignore[call-arg]
    "last_name_present": RuleSettings(owner="crm team"),  # type: ignore[call-arg]
    "place_given": RuleSettings(
        kind="required",  # type: ignore[arg-type]
        field="profile.location",
        owner="idp team",
        fail={"count": 0},  # type: ignore[arg-type]
    ),
}
RULES = rule_set(OWNERS)
NO_PLACE: dict[str, Any] = {"profile": {"location": ""}}
BROKEN = {"first_name": "", "last_name": "", **NO_PLACE}
GOOD = {"first_name": "A", "last_name": "B"}


async def judge(database: Database, settings: Settings, fields: dict[str, Any]) -> None:
    """Let the listener judge four users with these fields by the rules of this module."""
    settings = settings.model_copy(update={"quality_rules": OWNERS})
    await database["users"].delete_many({})
    await database["users"].insert_many([user(n, **fields) for n in range(4)])
    async with keeping(database, settings):
        await until_current(database, settings)


async def watched(
    database: Database,
    *,
    rules: RuleSet = RULES,
    after: timedelta = timedelta(),
    is_told: bool = True,
    settle: timedelta = timedelta(),
) -> list[dict[str, Any]]:
    """Let three workers look at the same time, and return the messages so far."""
    now = datetime.now(UTC) + after
    looks = (watch_quality(database, rules, now=now, is_told=is_told, settle=settle) for _ in range(3))
    await asyncio.gather(*looks)
    return [each["body"] async for each in database["alert_messages"].find({}, sort=[("at", 1), ("_id", 1)])]


def told(messages: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return sorted((each["event"], each["owner"], each["subjects"]) for each in messages)


FAILED = [
    ("quality.rule_failed", "crm team", "first_name_present, last_name_present"),
    ("quality.rule_failed", "idp team", "place_given"),
]
RECOVERED = [
    ("quality.recovered", "crm team", "first_name_present, last_name_present"),
    ("quality.recovered", "idp team", "place_given"),
]


async def test_failing_rules_are_told_once_for_each_owner_and_recover_once(
    database: Database, settings: Settings
) -> None:
    await judge(database, settings, BROKEN)
    failed = [told(await watched(database)) for _ in range(2)]
    message = (await watched(database))[0]
    await judge(database, settings, GOOD)
    over = [told(await watched(database)) for _ in range(2)]
    await judge(database, settings, BROKEN)
    again = told(await watched(database))

    assert failed == [FAILED] * 2
    assert "4 of 4 users violate it (100 %)" in message["details"]
    assert over == [sorted([*RECOVERED, *FAILED])] * 2
    assert again == sorted([*RECOVERED, *FAILED, *FAILED])


async def test_rule_beside_its_limit_is_told_once(database: Database, settings: Settings) -> None:
    """It fails and passes with each user; it has recovered when it was well for ten minutes."""
    events = []
    for minutes, fields in ((0, BROKEN), (1, GOOD), (9, GOOD), (10, BROKEN), (12, GOOD), (21, GOOD), (23, GOOD)):
        await judge(database, settings, fields)
        messages = await watched(database, after=timedelta(minutes=minutes), settle=timedelta(minutes=10))
        events.append([event for event, owner, _ in told(messages) if owner == "idp team"])

    alert, recovery = "quality.rule_failed", "quality.recovered"
    assert events == [[alert]] * 6 + [[recovery, alert]]


async def test_worker_stores_the_hour_and_tells_once(database: Database, settings: Settings) -> None:
    await judge(database, settings, {**GOOD, **NO_PLACE})
    own = settings.model_copy(update={"quality_rules": OWNERS, "alert_urls": ("http://127.0.0.1:1/hook",)})
    context: Any = {"settings": own, "database": database}

    stored = [await keep_quality(context) for _ in range(3)]

    hours = await database[REPORTS].count_documents({"bucket": "hour"})
    # A new hour may begin between two calls.
    assert sum(stored) == hours <= 2
    assert await database["alert_messages"].count_documents({"event": "quality.rule_failed"}) == 1


async def test_rule_that_joins_later_is_told_alone(database: Database, settings: Settings) -> None:
    await judge(database, settings, {**GOOD, "first_name": ""})
    await watched(database)
    await judge(database, settings, BROKEN)

    subjects = [subjects for _, owner, subjects in told(await watched(database)) if owner == "crm team"]

    assert subjects == ["first_name_present", "last_name_present"]


async def test_unknown_rule_neither_opens_nor_recovers(database: Database, settings: Settings) -> None:
    await judge(database, settings, BROKEN)
    await watched(database)
    await database[EFFECT_STATES].update_one({"_id": "user_quality"}, {"$set": {"state": "failed"}})

    after = told(await watched(database))

    assert after == FAILED
    assert len(await open_incidents(database)) == 3


async def test_waived_rule_is_silent_until_the_waiver_ends(database: Database, settings: Settings) -> None:
    """Its incident ends without a recovery: nothing has recovered. An expired waiver alerts again."""
    await judge(database, settings, {**GOOD, **NO_PLACE})
    first = told(await watched(database))
    now = datetime.now(UTC)
    until = now + timedelta(days=1)
    await waive_rule(database, "place_given", until=until, reason="wait", actor="cli:ada", now=now)
    waived = [told(await watched(database)) for _ in range(2)]
    still_open = await open_incidents(database)
    expired = told(await watched(database, after=timedelta(days=2)))

    alert = ("quality.rule_failed", "idp team", "place_given")
    assert (first, waived, still_open) == ([alert], [[alert]] * 2, [])
    assert expired == [alert, alert]


async def test_ended_waiver_alerts_at_once(database: Database, settings: Settings) -> None:
    await judge(database, settings, {**GOOD, **NO_PLACE})
    now = datetime.now(UTC)
    await waive_rule(
        database, "place_given", until=now + timedelta(days=1), reason="wait", actor="cli:ada", now=now
    )
    before = told(await watched(database))

    await unwaive_rule(database, "place_given", actor="cli:ada")

    assert (before, told(await watched(database))) == ([], [("quality.rule_failed", "idp team", "place_given")])
    assert await database[WAIVERS].count_documents({}) == 0


async def test_removed_rule_ends_silently(database: Database, settings: Settings) -> None:
    await judge(database, settings, {**GOOD, **NO_PLACE})
    await watched(database)
    without = rule_set({name: each for name, each in OWNERS.items() if name != "place_given"})

    after = told(await watched(database, rules=without))

    assert after == [("quality.rule_failed", "idp team", "place_given")]
    assert await open_incidents(database) == []


async def test_no_message_without_receivers(database: Database, settings: Settings) -> None:
    await judge(database, settings, BROKEN)

    assert await watched(database, is_told=False) == []
    assert len(await open_incidents(database)) == 3


@pytest.mark.parametrize("recovers", [True, False])
async def test_unusual_hour_is_an_incident(database: Database, settings: Settings, *, recovers: bool) -> None:
    at = begin_of(datetime.now(UTC), Bucket.HOUR)
    await judge(database, settings, GOOD)
    hour = stored_hour(at, violated=40)
    judged = {"value": 40.0, "median": 10.0, "deviations": 9.0, "history": 8, "is_anomalous": True}
    hour["rules"]["last_name_present"]["anomaly"] = judged
    await database[REPORTS].insert_one(hour)
    unusual = [told(await watched(database)) for _ in range(2)]
    following = stored_hour(at + timedelta(hours=1))
    if recovers:
        following["rules"]["last_name_present"]["anomaly"] = {**judged, "value": 10.0, "is_anomalous": False}
    await database[REPORTS].insert_one(following)
    after = told(await watched(database))

    alert = ("quality.rule_unusual", "crm team", "last_name_present")
    recovery = ("quality.recovered", "crm team", "last_name_present")
    assert unusual == [[alert]] * 2
    assert after == ([recovery, alert] if recovers else [alert])
