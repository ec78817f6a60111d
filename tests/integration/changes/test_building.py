"""Effects that are written with the position are built for a store that has one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.effects.effect import Effect, Effects, Rebuild, Rebuilt, Stamp
from docustore.changes.effects.fields import ImageFields
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.effects_control import rebuild_effect
from docustore.changes.events import Change
from docustore.changes.listener import listen
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from docustore.errors import InvalidInputError, NotFoundError
from tests.listening import assert_consistent, listening, make_user
from tests.waiting import until

COUNTS = "user_counts"


class Counts(Effect):
    """The number of users that exist."""

    name: ClassVar[str] = COUNTS
    fields: ClassVar[ImageFields] = ImageFields()

    def __init__(self) -> None:
        self.difference = 0

    def add(self, change: Change) -> None:
        self.difference += (change.after_raw is not None) - (change.before is not None)

    async def write(self, database: Database, stamp: Stamp, session: AsyncClientSession) -> None:  # noqa: ARG002
        if self.difference:
            result = await database[COUNTS].update_one(
                {"_id": "all"}, {"$inc": {"n": self.difference}}, session=session
            )
            assert result.matched_count == 1, "a change before the build"

    @classmethod
    async def rebuild(cls, rebuild: Rebuild) -> Rebuilt:
        command: dict[str, Any] = {
            "aggregate": "users",
            "pipeline": [{"$count": "n"}],
            "cursor": {},
            "readConcern": {"level": "snapshot", "atClusterTime": rebuild.cluster_time},
        }
        async with rebuild.database.client.start_session(causal_consistency=False) as own:
            found = (await rebuild.database.command(command, session=own))["cursor"]["firstBatch"]

        async def write(database: Database, stamp: Stamp, session: AsyncClientSession) -> None:
            counted = found[0] if found else {"n": 0}
            await database[COUNTS].replace_one({"_id": "all"}, counted, upsert=True, session=session)

        return Rebuilt(write=write)

    @classmethod
    async def reconcile(cls, database: Database, *, timeout_s: float) -> list[str]:  # noqa: ARG003
        return []


class CountsTwo(Counts):
    name: ClassVar[str] = COUNTS
    version: ClassVar[int] = 2


@asynccontextmanager
async def counting(database: Database, settings: Settings, *more: type[Effect]) -> AsyncIterator[None]:
    stop, effects = asyncio.Event(), (*EFFECTS, *more)
    listener = asyncio.create_task(listen(database, settings, stop=stop, effects=effects, derived=()))
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(listener, return_exceptions=True)


async def assert_counted(database: Database) -> None:
    assert await database[COUNTS].find_one({"_id": "all"}) == {
        "_id": "all",
        "n": await database["users"].count_documents({}),
    }


@pytest.mark.parametrize("first", [(), (Counts,)], ids=["a new effect", "a new version"])
async def test_effect_is_built_for_an_old_store(database: Database, settings: Settings, first: Effects) -> None:
    """Changes wait for it, and no change is skipped or counted twice."""
    users = [make_user() for _ in range(30)]
    await database["users"].insert_many(users)
    async with counting(database, settings, *first):
        await wait_until_applied(database)
    await database[COUNTS].delete_many({})
    await database["users"].insert_many([make_user() for _ in range(20)])

    async with counting(database, settings, CountsTwo):
        for user in users[:10]:
            await database["users"].delete_one({"_id": user["_id"]})
        await until(lambda: database[EFFECT_STATES].find_one({"_id": COUNTS, "live_version": 2}))
        await database["users"].insert_many([make_user() for _ in range(5)])
        await wait_until_applied(database)

    await assert_counted(database)
    await assert_consistent(database)
    assert await database["change_gaps"].find_one() is None


async def test_marts_are_rebuilt_on_request(database: Database, settings: Settings) -> None:
    """Without a restart, without a gap, while users change."""
    await database["users"].insert_many([make_user() for _ in range(9)])
    async with listening(database, settings):
        await wait_until_applied(database)
        await database["user_stats"].update_one({"_id": "users"}, {"$inc": {"total": 7}})
        await rebuild_effect(database, "user_stats", actor="cli:ada", effects=EFFECTS, derived=())
        await database["users"].insert_many([make_user() for _ in range(9)])
        await until(lambda: database[EFFECT_STATES].find_one({"_id": "user_stats", "state": "live"}))
        await wait_until_applied(database)

    await assert_consistent(database)
    assert await database["change_gaps"].find_one() is None
    (entry,) = await database["audit_log"].find({"action": "effects.rebuild"}).to_list()
    assert entry["actor"] == "cli:ada"


async def test_snapshot_makes_every_effect_live(database: Database, settings: Settings) -> None:
    async with listening(database, settings):
        await wait_until_applied(database)

    states = {each["_id"]: each["state"] async for each in database[EFFECT_STATES].find({"is_derived": None})}
    assert states == dict.fromkeys((effect.name for effect in EFFECTS), "live")


@pytest.mark.parametrize(("name", "error"), [("user_history", InvalidInputError), ("none", NotFoundError)])
async def test_only_what_is_derived_can_be_rebuilt(database: Database, name: str, error: type[Exception]) -> None:
    """History holds the past: no rebuild can make it up."""
    with pytest.raises(error):
        await rebuild_effect(database, name, actor="cli:ada", effects=EFFECTS, derived=())
