"""An effect that is not part of docustore.

It shares the transaction of the position, and the snapshot rebuilds it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.apply import Reached, Writer, apply_effects
from docustore.changes.effects.batch import BatchEffects
from docustore.changes.effects.check import differences
from docustore.changes.effects.effect import Effect, Effects, Rebuild, Rebuilt, Stamp
from docustore.changes.effects.fields import ImageFields
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.events import Change
from docustore.changes.lease import acquire
from docustore.changes.listener import listen
from docustore.changes.position import POSITION_ID, POSITIONS, load_position
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import ListenerFencedError
from tests.listening import assert_consistent, history_of, make_user
from tests.unit.changes.make import make_change, token_at

ADDRESSES = "addresses"


class AddressEffect(Effect):
    """One document per address: the user's id and the number of the change."""

    fields: ClassVar[ImageFields] = ImageFields.of("email")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, Any]] = []

    def add(self, change: Change) -> None:
        if change.before is None and change.after is not None:
            self.found.append({"_id": change.after["email"], "user_id": change.user_id})

    async def write(self, database: Database, stamp: Stamp, session: AsyncClientSession) -> None:
        inside = await database[POSITIONS].find_one({"_id": POSITION_ID}, session=session)
        outside = await database[POSITIONS].find_one({"_id": POSITION_ID})
        assert inside is not None
        assert outside is not None
        # Only a read in the same transaction sees the moved position.
        seen = {"inside": inside["seq"], "outside": outside["seq"], "stamp": stamp.seq}
        if self.found:
            await database[ADDRESSES].insert_many([{**each, **seen} for each in self.found], session=session)

    @classmethod
    async def rebuild(cls, rebuild: Rebuild) -> Rebuilt:
        addresses = await rebuild.database["users"].distinct("email")

        async def write(database: Database, stamp: Stamp, session: AsyncClientSession) -> None:
            await database[ADDRESSES].insert_one(
                {"_id": "rebuilt", "n": len(addresses), "stamp": stamp.seq}, session=session
            )

        return Rebuilt(write=write)

    @classmethod
    async def reconcile(cls, database: Database, *, timeout_s: float) -> list[str]:  # noqa: ARG003  # never waits
        return [] if await database[ADDRESSES].find_one() else ["no addresses"]


class BrokenEffect(AddressEffect):
    """An effect that fails after all others have written."""

    async def write(self, _database: Database, _stamp: Stamp, _session: AsyncClientSession) -> None:
        msg = "broken on purpose"
        raise RuntimeError(msg)


WITH_ADDRESSES: Effects = (*EFFECTS, AddressEffect)
REACHED = Reached(
    token=token_at(9), cluster_time=make_change("insert", after={"_id": 1}).cluster_time, is_exact=True
)


@asynccontextmanager
async def _listening(database: Database, settings: Settings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    listener = asyncio.create_task(listen(database, settings, stop=stop, effects=WITH_ADDRESSES))
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(listener, return_exceptions=True)


async def _apply(database: Database, effects: Effects, *, is_fenced: bool = False) -> dict[str, Any]:
    """Apply the insert of one user, as the owner of the lease or fenced."""
    lease = await acquire(database, owner="first", lease_s=60)
    assert lease is not None
    position = await load_position(database, fence=lease.fence)
    if is_fenced:
        await database[POSITIONS].update_one({"_id": POSITION_ID}, {"$inc": {"fence": 1}})
    user = make_user()
    batch = BatchEffects(effects, seq=position.seq)
    batch.add([make_change("insert", after=user)])
    async with database.client.start_session() as session:
        writer = Writer(database=database, session=session, lease_ms=lease.lease_ms)
        await apply_effects(writer, position, batch, reached=REACHED)
    return user


async def test_effect_is_written_with_the_position(database: Database) -> None:
    user = await _apply(database, WITH_ADDRESSES)

    (address,) = await database[ADDRESSES].find().to_list()
    assert address == {"_id": user["email"], "user_id": user["_id"], "inside": 1, "outside": 0, "stamp": 1}


async def test_fenced_listener_writes_no_effect(database: Database) -> None:
    with pytest.raises(ListenerFencedError):
        await _apply(database, WITH_ADDRESSES, is_fenced=True)

    assert await database[ADDRESSES].find_one() is None
    assert await history_of(database) == []


async def test_failing_effect_takes_all_others_back(database: Database) -> None:
    with pytest.raises(RuntimeError, match="on purpose"):
        await _apply(database, (*WITH_ADDRESSES, BrokenEffect))

    position = await database[POSITIONS].find_one({"_id": POSITION_ID})
    assert position is not None
    assert position["seq"] == 0
    assert await database[ADDRESSES].find_one() is None
    assert await history_of(database) == []


async def test_effect_is_rebuilt_then_followed(database: Database, settings: Settings) -> None:
    """The snapshot rebuilds it; inserts of the stream then carry its field."""
    await database["users"].insert_many([make_user() for _ in range(3)])
    user = make_user()

    async with _listening(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(user)
        await wait_until_applied(database)

    assert await database[ADDRESSES].find_one({"_id": "rebuilt"}) == {"_id": "rebuilt", "n": 3, "stamp": 3}
    assert await database[ADDRESSES].find_one({"_id": user["email"]}) is not None
    assert await database[ADDRESSES].count_documents({}) == 2
    assert await differences(database, WITH_ADDRESSES) == []
    await assert_consistent(database)


async def test_check_asks_every_effect(database: Database, settings: Settings) -> None:
    await database["users"].insert_many([make_user() for _ in range(3)])
    async with _listening(database, settings):
        await wait_until_applied(database)
    await database["user_history"].delete_one({"_id": 2})
    await database["user_stats"].update_one({"_id": "users"}, {"$inc": {"total": 1}})
    await database[ADDRESSES].delete_many({})

    assert await differences(database, WITH_ADDRESSES) == [
        "history has 2 rows up to number 3: 1 are missing",
        "mart total says 4, the collection 3",
        "no addresses",
    ]
