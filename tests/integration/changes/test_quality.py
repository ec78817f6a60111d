"""Live quality: the kept verdicts and counters against the users."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from bson.binary import Binary

from docustore.changes.derived.check import derived_difference
from docustore.changes.effects.quality import UserQualityEffect
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.effects_control import rebuild_effect
from docustore.changes.listener import listen
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from docustore.quality.declared import rule_set
from docustore.quality.report import QualityReport, RuleStatus, quality_report
from docustore.quality.stored import USER_QUALITY
from docustore.quality.violations import After, violations
from docustore.quality_settings import RuleSettings
from tests.waiting import until

NOW = datetime.fromisoformat("2026-11-26T12:00:00")
LAST_YEAR = NOW - timedelta(days=365)


def user(number: int, **fields: Any) -> dict[str, Any]:
    """Make a user as another client may write it; violates nothing but what `fields` say."""
    moment = NOW.replace(tzinfo=UTC)
    return {
        "email": f"user{number}@example.org",
        "first_name": f"First{number}",
        "last_name": "Last",
        "status": "active",
        "profile": {
            "avatar": None,
            "bio": "",
            "location": "Delft",
            "preferences": {"notifications": True, "theme": "light", "language": "en"},
        },
        "roles": [],
        "tags": [],
        "identities": [],
        "created_at": moment,
        "updated_at": moment,
        "deleted_at": None,
        "version": 1,
        **fields,
    }


@asynccontextmanager
async def keeping(database: Database, settings: Settings) -> AsyncIterator[None]:
    """Run a listener that keeps only the quality beside history and marts."""
    stop = asyncio.Event()
    listener = asyncio.create_task(listen(database, settings, stop=stop, derived=(UserQualityEffect,)))
    try:
        yield
    finally:
        stop.set()
        await listener


async def until_current(database: Database, settings: Settings) -> None:
    seq = await wait_until_applied(database)
    digest = UserQualityEffect(settings).configuration

    wanted = {"_id": USER_QUALITY, "configuration": digest, "state": "live", "seq": {"$gte": seq}}
    await until(lambda: database[EFFECT_STATES].find_one(wanted), what="the quality holds every change")


async def report_of(database: Database, settings: Settings, *, now: datetime = NOW) -> QualityReport:
    return await quality_report(database, rule_set(settings.quality_rules), now=now)


def violated(report: QualityReport) -> dict[str, int]:
    return {rule["name"]: rule["violated"] for rule in report["rules"] if rule["violated"]}


async def test_random_history_equals_a_recount(database: Database, settings: Settings) -> None:
    """Writes of other clients, in any order, before and while the listener runs."""
    chance = random.Random(5)
    users = database["users"]
    await users.insert_many([user(number) for number in range(40)])
    numbers = iter(range(40, 10_000))
    async with keeping(database, settings):
        for _ in range(150):
            which = {"email": f"user{chance.randrange(60)}@example.org"}
            match chance.randrange(5):
                case 0:
                    await users.insert_one(user(next(numbers), first_name=chance.choice(["", "Ada", "Bo"])))
                case 1:
                    await users.delete_one(which)
                case 2:
                    await users.update_one(which, {"$set": {"deleted_at": NOW}})
                case 3:
                    changed = {
                        "status": chance.choice(["active", "inactive"]),
                        "last_name": chance.choice(["", "L"]),
                    }
                    await users.update_one(which, {"$set": changed})
                case _:
                    days = timedelta(days=chance.randrange(300, 400))
                    await users.update_one(
                        which, {"$set": {"updated_at": NOW - days, "profile.location": "Bergen"}}
                    )
        await until_current(database, settings)

        found = await derived_difference(database, UserQualityEffect(settings))
        report = await report_of(database, settings)

    assert found is None
    assert report["state"] == "live"
    present = await users.find({"deleted_at": None}).to_list()
    assert report["users"] == len(present)
    expected = {
        "first_name_present": sum(not each["first_name"] for each in present),
        "last_name_present": sum(not each["last_name"] for each in present),
        "updated_lately": sum(each["updated_at"].replace(tzinfo=None) < LAST_YEAR for each in present),
    }
    assert {name: violated(report).get(name, 0) for name in expected} == expected


async def test_wrong_counter_is_found(database: Database, settings: Settings) -> None:
    await database["users"].insert_one(user(1, first_name=""))
    async with keeping(database, settings):
        await until_current(database, settings)
    rule_id = rule_set({}).ids["first_name_present"]
    await database["quality_counts"].update_one({"_id": "totals"}, {"$inc": {f"rules.{rule_id}.violated": 1}})

    found = await derived_difference(database, UserQualityEffect(settings))

    assert found is not None
    assert f"quality counts 2 for totals: rules.{rule_id}.violated, the verdicts say 1" in found


async def test_rebuild_repairs_wrong_verdicts_counters_and_values(database: Database, settings: Settings) -> None:
    """The counters too: no verdict of them differs, so no difference of verdicts would move them."""
    users = [user(n, email=f"ada+{n}@example.org", first_name="") for n in range(6)]
    await database["users"].insert_many(users)
    rules = rule_set({})
    shared, days = rules.ids["mailbox_unique"], rules.ids["updated_lately"]
    async with keeping(database, settings):
        await until_current(database, settings)
        wrong = {"users": 2, f"rules.{rules.ids['first_name_present']}.violated": -1}
        await database["quality_counts"].update_one({"_id": "totals"}, {"$inc": wrong})
        await database["quality_counts"].update_one(
            {"_id": {"$regex": f"^times:{days}"}}, {"$inc": {"days.01": 9, "slots.01.00": 8}}
        )
        await database["quality_values"].update_one({"_id.rule": shared}, {"$inc": {"users": 3}})
        await database["quality_values"].insert_one({"_id": {"rule": shared, "value": "nothing"}, "users": 1})
        await database["user_quality"].update_one({"_id": users[0]["_id"]}, {"$set": {"violated": []}})
        await rebuild_effect(
            database, USER_QUALITY, actor="cli:ada", effects=EFFECTS, derived=(UserQualityEffect,)
        )
        await until_current(database, settings)

        found = await derived_difference(database, UserQualityEffect(settings))
        report = await report_of(database, settings)

    assert found is None
    assert (report["users"], violated(report)["first_name_present"], violated(report)["mailbox_unique"]) == (
        6,
        6,
        6,
    )


async def test_value_shared_by_many_users(database: Database, settings: Settings) -> None:
    """The second user makes two violations; the pages list every user of a value once."""
    users = database["users"]
    await users.insert_one(user(0, email="ada@example.org"))
    async with keeping(database, settings):
        await until_current(database, settings)
        alone = violated(await report_of(database, settings)).get("mailbox_unique", 0)
        await users.insert_many([user(n, email=f"ada+{n}@example.org") for n in range(1, 5)])
        await users.insert_many([user(n, email=f"bo+{n}@example.org") for n in range(2)])
        await until_current(database, settings)
        shared = violated(await report_of(database, settings))["mailbox_unique"]
        rules = rule_set({})
        rule = rules.find("mailbox_unique")
        assert rule is not None
        listed, after = [], None
        for _ in range(4):
            page = await violations(database, rule, rules.ids[rule.name], after=after, limit=3, now=NOW)
            listed += page.user_ids
            after = page.after
            if after is None:
                break
        await users.delete_many({"email": {"$regex": "^ada.[1-4]"}})
        await until_current(database, settings)
        healed = violated(await report_of(database, settings))["mailbox_unique"]

    assert (alone, shared, healed) == (0, 7, 2)
    assert (len(listed), len(set(listed)), after) == (7, 7, None)


@pytest.mark.parametrize("name", ["email_valid", "mailbox_unique", "updated_lately"])
async def test_pages_list_ids_of_every_type(database: Database, name: str) -> None:
    """Other clients choose the ids of their users; a page continues in the order of the server."""
    rules = rule_set({})
    rule, rule_id = rules.find(name), rules.ids[name]
    assert rule is not None
    ids = [5, 2.5, "b", "a", {"n": 1}, Binary(b"x" * 16, 4), ObjectId(), ObjectId(), True, NOW]
    found = {
        "violated": [rule_id],
        "keys": [{"rule": rule_id, "value": "v"}],
        "clocks": [{"rule": rule_id, "at": NOW - timedelta(days=1000)}],
    }
    await database[USER_QUALITY].insert_many([{"_id": user_id, **found} for user_id in ids])
    await database["quality_values"].insert_one({"_id": {"rule": rule_id, "value": "v"}, "users": len(ids)})

    listed, after = [], None
    for _ in range(len(ids) + 1):
        page = await violations(database, rule, rule_id, after=after, limit=1, now=NOW)
        listed += page.user_ids
        # As a cursor keeps it.
        after = None if page.after is None else After.parse(page.after.text)

    assert len(listed) == len(ids)
    assert [each for each in ids if each not in listed and each != NOW] == []


async def test_time_alone_makes_a_violation(database: Database, settings: Settings) -> None:
    """Without a write, exactly at the cut-off: by days, and by the minute on the last day."""
    moments = [LAST_YEAR + timedelta(minutes=minute) for minute in (-1, 1, 60 * 24)]
    await database["users"].insert_many([user(n, updated_at=moment) for n, moment in enumerate(moments)])
    async with keeping(database, settings):
        await until_current(database, settings)

    later = [timedelta(0), timedelta(minutes=2), timedelta(days=1, minutes=1)]
    counts = [
        violated(await report_of(database, settings, now=NOW + each)).get("updated_lately") for each in later
    ]

    assert counts == [1, 2, 3]


async def test_report_reads_no_user_outside_of_the_quarter_hour(database: Database, settings: Settings) -> None:
    """The cost of a report must not grow with the users of a day."""
    moments = [LAST_YEAR - timedelta(minutes=minutes) for minutes in (1, 14, 16, 700)]
    await database["users"].insert_many([user(n, updated_at=moment) for n, moment in enumerate(moments)])
    async with keeping(database, settings):
        await until_current(database, settings)
    now = NOW + timedelta(minutes=14)

    counts = [violated(await report_of(database, settings, now=now))["updated_lately"]]
    await database[USER_QUALITY].delete_many({})
    counts += [violated(await report_of(database, settings, now=now))["updated_lately"]]
    await database["users"].insert_one(user(9, updated_at=LAST_YEAR))
    counts += [violated(await report_of(database, settings, now=now))["updated_lately"]]

    assert counts == [4, 4, 4]


async def test_another_rule_is_built_while_the_others_go_on(database: Database, settings: Settings) -> None:
    """No user is judged twice by a rule that stays; the new one is unknown until it has judged all users."""
    await database["users"].insert_many([user(n, first_name="" if n else "Ada") for n in range(20)])
    async with keeping(database, settings):
        await until_current(database, settings)
    own = RuleSettings(kind="required", field="profile.bio")  # type: ignore[arg-type]
    changed = settings.model_copy(update={"quality_rules": {"bio_given": own}})

    before = {rule["name"]: rule for rule in (await report_of(database, changed))["rules"]}
    async with keeping(database, changed):
        await until_current(database, changed)
        after = {rule["name"]: rule for rule in (await report_of(database, changed))["rules"]}
        difference = await derived_difference(database, UserQualityEffect(changed))

    assert (before["bio_given"]["status"], before["bio_given"]["users"]) == (RuleStatus.UNKNOWN, 0)
    assert before["first_name_present"]["violated"] == after["first_name_present"]["violated"] == 19
    assert (after["bio_given"]["violated"], after["bio_given"]["users"]) == (20, 20)
    assert difference is None


async def test_empty_store_passes_and_has_no_score(database: Database, settings: Settings) -> None:
    async with keeping(database, settings):
        await until_current(database, settings)
    report = await report_of(database, settings)

    assert (report["users"], report["score"]) == (0, None)
    assert {rule["status"] for rule in report["rules"]} == {RuleStatus.PASSED}


async def test_store_without_a_listener_knows_nothing(database: Database, settings: Settings) -> None:
    report = await report_of(database, settings)

    assert report["state"] == "absent"
    assert {rule["status"] for rule in report["rules"]} == {RuleStatus.UNKNOWN}
