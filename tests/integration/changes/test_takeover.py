"""One active listener at a time; a fenced listener writes nothing."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest

from docustore.changes.apply import Reached, Writer, apply_effects
from docustore.changes.effects.batch import BatchEffects
from docustore.changes.effects.history import DISCARDED_ROWS, HistoryEffect
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.lease import Lease, acquire
from docustore.changes.position import POSITION_ID, POSITIONS, Position, load_position
from docustore.changes.status import change_status, is_heartbeat_fresh, wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import ListenerFencedError
from tests.listening import assert_consistent, following, history_of, make_user
from tests.unit.changes.make import make_change, token_at
from tests.waiting import until


async def _expire(database: Database) -> None:
    await database[POSITIONS].update_one({"_id": POSITION_ID}, [{"$set": {"lease_expires_at": "$$NOW"}}])


async def _owner(database: Database) -> str | None:
    return (await change_status(database)).owner


async def test_standby_takes_over_at_once_after_release(database: Database, settings: Settings) -> None:
    long_lease = settings.model_copy(update={"changes_lease_s": 3600})
    async with AsyncExitStack() as standby:
        async with following(database, long_lease):
            await wait_until_applied(database)
            first = await _owner(database)
            await standby.enter_async_context(following(database, long_lease))

        async def has_taken_over() -> bool:
            return await _owner(database) not in {None, first}

        await until(has_taken_over)


async def test_silent_owner_is_replaced_after_expiry(database: Database, settings: Settings) -> None:
    assert await acquire(database, owner="silent", lease_s=3600) is not None
    await database["users"].insert_one(make_user())

    async with following(database, settings):
        assert await _owner(database) == "silent"
        await _expire(database)
        await wait_until_applied(database)
        assert await _owner(database) != "silent"

    await assert_consistent(database)


async def test_lease_of_another_cannot_be_taken(database: Database) -> None:
    first = await acquire(database, owner="a", lease_s=60)
    second = await acquire(database, owner="b", lease_s=60)

    assert (first is not None, second) == (True, None)


async def test_fence_grows_with_each_take_over(database: Database) -> None:
    fences = []
    for owner in ("a", "b", "a"):
        lease = await acquire(database, owner=owner, lease_s=60)
        assert lease is not None
        fences.append(lease.fence)
        await _expire(database)

    assert fences == [1, 2, 3]


async def _stale(database: Database) -> tuple[Lease, Position]:
    """Return the lease and position of a listener that lost its lease without notice."""
    lease = await acquire(database, owner="stale", lease_s=60)
    assert lease is not None
    position = await load_position(database, fence=lease.fence)
    await _expire(database)
    assert await acquire(database, owner="new", lease_s=60) is not None
    return lease, position


def _one_insert(position: Position) -> BatchEffects:
    effects = BatchEffects(EFFECTS, seq=position.seq)
    effects.add([make_change("insert", after=make_user())])
    return effects


REACHED = Reached(
    token=token_at(9), cluster_time=make_change("insert", after={"_id": 1}).cluster_time, is_exact=True
)


async def test_fenced_listener_applies_nothing(database: Database) -> None:
    lease, position = await _stale(database)
    effects = _one_insert(position)

    async with database.client.start_session() as session:
        writer = Writer(database=database, session=session, lease_ms=lease.lease_ms)
        with pytest.raises(ListenerFencedError):
            await apply_effects(writer, position, effects, reached=REACHED)

    assert await history_of(database) == []
    assert await database["user_stats"].find_one() is None


async def test_fenced_listener_moves_no_position(database: Database) -> None:
    lease, position = await _stale(database)
    before = await database[POSITIONS].find_one()

    async with database.client.start_session() as session:
        writer = Writer(database=database, session=session, lease_ms=lease.lease_ms)
        with pytest.raises(ListenerFencedError):
            await apply_effects(writer, position, BatchEffects(EFFECTS, seq=position.seq), reached=REACHED)

    assert await database[POSITIONS].find_one() == before


async def test_fenced_listener_deletes_no_history(database: Database) -> None:
    """Rows beyond its position may be committed rows of the next listener."""
    lease, position = await _stale(database)
    await database["user_history"].insert_one({"_id": 1})

    async with database.client.start_session() as session:
        writer = Writer(database=database, session=session, lease_ms=lease.lease_ms)
        guarded = partial(writer.guarded, position)
        with pytest.raises(ListenerFencedError):
            await HistoryEffect.discard_unfinished(database, position.seq, guarded)

    assert len(await history_of(database)) == 1


async def test_rows_of_an_unfinished_snapshot_are_deleted(database: Database) -> None:
    """They are more than one transaction deletes; the committed row stays."""
    lease = await acquire(database, owner="a", lease_s=60)
    assert lease is not None
    await database[POSITIONS].update_one({"_id": POSITION_ID}, {"$set": {"seq": 1}})
    position = await load_position(database, fence=lease.fence)
    await database["user_history"].insert_many([{"_id": n} for n in range(1, DISCARDED_ROWS + 3)])

    async with database.client.start_session() as session:
        writer = Writer(database=database, session=session, lease_ms=lease.lease_ms)
        await HistoryEffect.discard_unfinished(database, position.seq, partial(writer.guarded, position))

    assert await history_of(database) == [{"_id": 1}]


async def test_batch_applied_twice_counts_once(database: Database) -> None:
    """The sequence number guards also against the same owner.

    The answer to its commit may be lost.
    """
    lease = await acquire(database, owner="a", lease_s=60)
    assert lease is not None
    position = await load_position(database, fence=lease.fence)
    effects = _one_insert(position)

    async with database.client.start_session() as session:
        writer = Writer(database=database, session=session, lease_ms=lease.lease_ms)
        await apply_effects(writer, position, effects, reached=REACHED)
        with pytest.raises(ListenerFencedError):
            await apply_effects(writer, position, effects, reached=REACHED)

    stats: Any = await database["user_stats"].find_one({"_id": "users"})
    assert (len(await history_of(database)), stats["total"]) == (1, 1)


async def test_taken_number_is_an_error_not_a_loop(database: Database) -> None:
    """Another client wrote to history: stop with an error, apply nothing."""
    lease = await acquire(database, owner="a", lease_s=60)
    assert lease is not None
    position = await load_position(database, fence=lease.fence)
    await database["user_history"].insert_one({"_id": 1})
    effects = _one_insert(position)

    async with database.client.start_session() as session:
        writer = Writer(database=database, session=session, lease_ms=lease.lease_ms)
        with pytest.raises(Exception, match="E11000"):
            await apply_effects(writer, position, effects, reached=REACHED)

    assert (await load_position(database, fence=lease.fence)).seq == 0


async def test_heartbeat_is_fresh_only_while_renewed(database: Database, settings: Settings) -> None:
    assert not await is_heartbeat_fresh(database, max_age_s=600)

    async with following(database, settings):
        await wait_until_applied(database)
        assert await is_heartbeat_fresh(database, max_age_s=600)

    await database[POSITIONS].update_one(
        {"_id": POSITION_ID}, [{"$set": {"heartbeat_at": {"$subtract": ["$$NOW", 601_000]}}}]
    )
    assert not await is_heartbeat_fresh(database, max_age_s=600)


async def test_killed_owner_leaves_no_lock_behind(database: Database, settings: Settings) -> None:
    """Killed within a transaction: the server keeps it and its lock for a minute."""
    async with following(database, settings):
        await wait_until_applied(database)
    async with database.client.start_session() as session:
        lease = await acquire(database, owner="killed", lease_s=1, session_id=session.session_id)
        assert lease is not None
        await session.start_transaction()
        await database[POSITIONS].update_one({"_id": POSITION_ID}, {"$inc": {"seq": 7}}, session=session)
        await database["users"].insert_one(make_user())

        async with following(database, settings):
            await wait_until_applied(database)

    await assert_consistent(database)


async def test_two_listeners_that_steal_from_each_other(database: Database, settings: Settings) -> None:
    """Each listener believes for a while that it is active; every change counts once."""
    is_done = asyncio.Event()
    written = 0

    async def write() -> None:
        nonlocal written
        while not is_done.is_set():
            user = make_user()
            await database["users"].insert_one(user)
            await database["users"].update_one({"_id": user["_id"]}, {"$inc": {"version": 1}})
            written += 2

    async with following(database, settings), following(database, settings):
        await wait_until_applied(database)
        async with asyncio.TaskGroup() as writers:
            for _ in range(3):
                writers.create_task(write())
            for _ in range(6):
                await until(lambda: _steal(database))
                await _expire(database)
                await until(lambda: _is_held_by_a_listener(database))
            is_done.set()
        await wait_until_applied(database)

    assert len(await history_of(database)) == written
    await assert_consistent(database)


async def _steal(database: Database) -> bool:
    await _expire(database)
    return await acquire(database, owner="thief", lease_s=60) is not None


async def _is_held_by_a_listener(database: Database) -> bool:
    return await _owner(database) not in {None, "thief"}
