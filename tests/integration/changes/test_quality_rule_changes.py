"""A rule is edited: the old version is shown until the new one has judged every user."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, timedelta
from typing import Any

import pytest
from bson.timestamp import Timestamp

from docustore.changes.derived import reading
from docustore.changes.derived.check import derived_difference
from docustore.changes.derived.claim import claim, release
from docustore.changes.derived.derivation import Replacement
from docustore.changes.derived.keeper import Keeper
from docustore.changes.effects.quality import UserQualityEffect
from docustore.changes.listener import listen
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.quality.declared import rule_set
from docustore.quality.report import RuleFigures, RuleStatus
from docustore.quality.stored import USER_QUALITY, read_counts
from docustore.quality_settings import RuleSettings
from tests.integration.changes.test_quality import NOW, keeping, report_of, until_current, user

CHUNK = 7
USERS = 20


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK", CHUNK)


def by_field(settings: Settings, field: str) -> Settings:
    """Declare the rule `given` on another field: each is a version of its own."""
    rule = RuleSettings(kind="required", field=field)  # type: ignore[arg-type]
    return settings.model_copy(update={"quality_rules": {"given": rule}})


async def rule_of(database: Database, settings: Settings, name: str = "given") -> RuleFigures:
    rules = (await report_of(database, settings))["rules"]
    return next(rule for rule in rules if rule["name"] == name)


@asynccontextmanager
async def keeper_of(database: Database, settings: Settings) -> AsyncIterator[Keeper]:
    """Take the effect as a listener does, for single steps."""
    effect = UserQualityEffect(settings)
    async with database.client.start_session() as session:
        taken = await claim(database, effect, owner="steps", lease_s=60)
        assert taken is not None
        held, state = taken
        yield Keeper(database=database, session=session, effect=effect, held=held, state=state)
        await release(database, held)


async def fill(database: Database, settings: Settings) -> None:
    """Four users violate the rule on the biography, all violate the one on the avatar."""
    profile = user(0)["profile"]
    users = [user(n, profile={**profile, "bio": "" if n < 4 else "B"}) for n in range(USERS)]
    await database["users"].insert_many(users)
    async with keeping(database, settings):
        await until_current(database, settings)


def shown(rule: RuleFigures) -> tuple[RuleStatus, int, int]:
    return rule["status"], rule["users"], rule["violated"]


async def test_old_version_is_shown_until_the_new_one_is_complete(database: Database, settings: Settings) -> None:
    old, new = by_field(settings, "profile.bio"), by_field(settings, "profile.avatar")
    versions = {name: rule_set(each.quality_rules).ids["given"] for name, each in (("old", old), ("new", new))}
    await fill(database, old)

    before = await rule_of(database, new)
    seen: list[RuleFigures] = []
    async with keeper_of(database, new) as keeper:
        while not keeper.state.is_live:
            await keeper.step()
            seen.append(await rule_of(database, new))
    after = await rule_of(database, new)

    assert shown(before) == (RuleStatus.WARNING, USERS, 4)
    partial = [rule for rule in seen if rule["building"] is not None]
    assert [rule["building"] and rule["building"]["users"] for rule in partial][:2] == [CHUNK, 2 * CHUNK]
    for rule in (before, *partial):
        assert shown(rule) == (RuleStatus.WARNING, USERS, 4)
        assert rule["version"] == versions["old"].partition("@")[2]
        assert rule["building"] is not None
        assert rule["building"]["version"] == versions["new"].partition("@")[2]
    assert (shown(after), after["building"]) == ((RuleStatus.WARNING, USERS, USERS), None)
    assert await derived_difference(database, UserQualityEffect(new)) is None


def by_time(settings: Settings, field: str) -> Settings:
    """Declare the rule `lately` on another time: each is a version of its own."""
    rule = RuleSettings(kind="max_age", field=field, days=30)  # type: ignore[arg-type]
    return settings.model_copy(update={"quality_rules": {"lately": rule}})


async def test_edited_rule_of_time_shows_the_old_version_until_the_swap(
    database: Database, settings: Settings
) -> None:
    """Five users were registered long ago, all were updated lately."""
    old, new = by_time(settings, "created_at"), by_time(settings, "updated_at")
    long_ago = NOW.replace(tzinfo=UTC) - timedelta(days=400)
    users = [user(n, created_at=long_ago if n < 5 else NOW.replace(tzinfo=UTC)) for n in range(USERS)]
    await database["users"].insert_many(users)
    async with keeping(database, old):
        await until_current(database, old)

    before = await rule_of(database, new, "lately")
    seen: list[RuleFigures] = []
    async with keeper_of(database, new) as keeper:
        while not keeper.state.is_live:
            await keeper.step()
            seen.append(await rule_of(database, new, "lately"))
    after = await rule_of(database, new, "lately")

    assert shown(before) == (RuleStatus.WARNING, USERS, 5)
    partial = [rule for rule in seen if rule["building"] is not None]
    assert len(partial) >= 2
    for rule in partial:
        assert shown(rule) == (RuleStatus.WARNING, USERS, 5)
        assert rule["building"] is not None
        assert rule["building"]["shown_as_of"] is not None
    assert (shown(after), after["building"]) == ((RuleStatus.PASSED, USERS, 0), None)
    assert await derived_difference(database, UserQualityEffect(new)) is None


async def make_older(database: Database, *, version: int) -> None:
    """Store the verdicts and counters as an older release has; version 1 has kept no years."""
    rule_id = rule_set({}).ids["updated_lately"]
    counts = database["quality_counts"]
    await database[USER_QUALITY].update_many({}, {"$unset": {"shape": ""}})
    await counts.delete_many({"_id": {"$regex": "^times:"}})
    async for verdict in database[USER_QUALITY].find():
        at = verdict["clocks"][0]["at"]
        days = {"_id": f"days:{rule_id}:{at:%Y}"}
        await counts.update_one(days, {"$inc": {f"days.{at:%m%d}": 1}}, upsert=True)
    await counts.update_one({"_id": "totals"}, {"$unset": {"months": ""}})
    if version == 1:
        await counts.update_one({"_id": "totals"}, {"$unset": {"years": ""}})
        await counts.update_one({"_id": "kept"}, {"$unset": {"shape": ""}})
    older = {"version": version, "live_version": version}
    await database["change_effects"].update_one({"_id": "user_quality"}, {"$set": older})


@pytest.mark.parametrize("version", [1, 2])
async def test_counters_of_an_older_release_are_brought_forward(
    database: Database, settings: Settings, version: int
) -> None:
    """The report is right before, during and after, on the day of the cut-off too."""
    cutoff = NOW.replace(tzinfo=UTC) - timedelta(days=365)
    times = [timedelta(days=1000), timedelta(hours=1), timedelta(minutes=1), -timedelta(minutes=1), -timedelta(1)]
    users = [user(n, updated_at=cutoff - times[n % len(times)]) for n in range(USERS)]
    violating = sum(each["updated_at"] < cutoff for each in users)
    await database["users"].insert_many(users)
    async with keeping(database, settings):
        await until_current(database, settings)
    await make_older(database, version=version)

    seen = [shown(await rule_of(database, settings, "updated_lately"))]
    async with keeper_of(database, settings) as keeper:
        while not keeper.state.is_live:
            await keeper.step()
            seen.append(shown(await rule_of(database, settings, "updated_lately")))

    assert len(seen) >= 4
    assert set(seen) == {(RuleStatus.WARNING, USERS, violating)}
    assert await derived_difference(database, UserQualityEffect(settings)) is None


async def test_second_edit_before_the_first_is_complete(database: Database, settings: Settings) -> None:
    """What was complete last is shown, and the counters end right."""
    old, half, new = (by_field(settings, field) for field in ("profile.bio", "profile.avatar", "last_name"))
    await fill(database, old)
    async with keeper_of(database, half) as keeper:
        await keeper.step()
    async with keeper_of(database, new) as keeper:
        await keeper.step()
        between = await rule_of(database, new)
        while not keeper.state.is_live:
            await keeper.step()
    after = await rule_of(database, new)

    assert shown(between) == (RuleStatus.WARNING, USERS, 4)
    assert shown(after) == (RuleStatus.PASSED, USERS, 0)
    assert await derived_difference(database, UserQualityEffect(new)) is None


async def test_unchanged_rule_stays_exact_while_another_one_is_built(
    database: Database, settings: Settings
) -> None:
    old, new = by_field(settings, "profile.bio"), by_field(settings, "profile.avatar")
    await fill(database, old)

    async with keeper_of(database, new) as keeper:
        await keeper.step()
        rule = await rule_of(database, new, "last_name_present")

    assert (shown(rule), rule["building"]) == ((RuleStatus.PASSED, USERS, 0), None)


async def test_first_build_is_unknown_until_it_ends(database: Database, settings: Settings) -> None:
    """A part of the users must not look like all of them."""
    await database["users"].insert_many([user(n) for n in range(USERS)])
    async with _position(database, settings), keeper_of(database, settings) as keeper:
        await keeper.step()
        during: list[Any] = [rule["status"] for rule in (await report_of(database, settings))["rules"]]
        while not keeper.state.is_live:
            await keeper.step()
    after = await rule_of(database, settings, "last_name_present")

    assert set(during) == {RuleStatus.UNKNOWN}
    assert shown(after) == (RuleStatus.PASSED, USERS, 0)


@asynccontextmanager
async def _position(database: Database, settings: Settings) -> AsyncIterator[None]:
    """Let a listener that keeps no derived effect record the users."""
    stop = asyncio.Event()
    listener = asyncio.create_task(listen(database, settings, stop=stop, derived=()))
    await wait_until_applied(database)
    stop.set()
    await listener
    yield


async def test_one_user_more_of_a_value_that_many_share_writes_few_documents(
    database: Database, settings: Settings
) -> None:
    """From 1 to 2 and from 2 to 1 users too: the members are found by index, never written."""
    many = 20_000
    effect = UserQualityEffect(settings)
    verdict = effect.state_of(user(0, email="ada@example.org"))
    assert verdict is not None
    rule_id = effect.rules.ids["mailbox_unique"]

    async def write(*replacements: Replacement) -> int:
        since = await _now(database)
        async with database.client.start_session() as session:
            await session.with_transaction(lambda own: effect.write(database, replacements, own))
        return await _written_since(database, since)

    def joins(number: int) -> Replacement:
        return Replacement(user_id=number, before=None, after=verdict)

    def leaves(number: int) -> Replacement:
        return Replacement(user_id=number, before=verdict, after=None)

    async def sharing() -> int:
        return int((await read_counts(database)).rules[rule_id].get("violated", 0))

    first, second = await write(joins(0)), await write(joins(1))
    counts = [await sharing()]
    back = await write(leaves(1))
    counts.append(await sharing())
    for start in range(1, many, 5000):
        await write(*(joins(number) for number in range(start, start + 5000)))
    large = await write(joins(many + 1))
    counts.append(await sharing())
    smaller = await write(leaves(many + 1))
    counts.append(await sharing())

    assert counts == [2, 0, many + 2, many + 1]
    # One verdict, the totals, the days of one rule, the two values that must be unique; and the copy once.
    assert max(second, back, large, smaller) <= 6
    assert first <= 7


async def _now(database: Database) -> Timestamp:
    time: Timestamp = (await database.command("ping"))["operationTime"]
    return time


async def _written_since(database: Database, since: Timestamp) -> int:
    """Count the documents of this database that were written, in the oplog."""
    entries = await database.client["local"]["oplog.rs"].find({"ts": {"$gt": since}}).to_list()
    written = [each for entry in entries for each in entry["o"].get("applyOps", [entry])]
    return sum(each["ns"].startswith(f"{database.name}.") for each in written)
