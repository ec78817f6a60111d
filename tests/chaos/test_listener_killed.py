"""The real listener process: killed, stopped, and checked from outside."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from docustore.analytics.marts import STATS
from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.changes.status import change_status, wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from tests.chaos.programs import LISTENER, Program, program
from tests.chaos.scale import scaled
from tests.listening import assert_consistent, history_of, make_user
from tests.waiting import until

KILLS = int(scaled(bounded=4, full=20))
SHORT_LEASE = {"DOCUSTORE_CHANGES_LEASE_S": "2"}

pytestmark = [pytest.mark.chaos]


class Writers:
    """Clients that insert, update, replace and delete users, and count the writes."""

    def __init__(self, database: Database) -> None:
        self._users = database["users"]
        self.written = 0
        self.is_done = False

    async def write(self) -> None:
        while not self.is_done:
            user = make_user()
            key = {"_id": user["_id"]}
            await self._count(self._users.insert_one(user))
            await self._count(
                self._users.update_one(key, {"$set": {"status": "inactive"}, "$inc": {"version": 1}})
            )
            await self._count(self._users.replace_one(key, user | {"version": 3}))
            if random.random() < 0.3:
                await self._count(self._users.delete_one(key))
            await self._count(self._users.insert_many([make_user() for _ in range(20)]), writes=20)
            await asyncio.sleep(0.05)  # a steady load that leaves time for other processes

    async def _count(self, write: Awaitable[object], *, writes: int = 1) -> None:
        await write
        self.written += writes


def _has_passed(database: Database, seq: int) -> Callable[[], Awaitable[bool]]:
    async def has_passed() -> bool:
        position = await database[POSITIONS].find_one({"_id": POSITION_ID})
        return position is not None and position["state"] == "streaming" and position["seq"] > seq

    return has_passed


async def _active_of(database: Database, *listeners: Program) -> Program | None:
    """Find the listener that holds the lease."""
    for listener in listeners:
        assert listener.is_running, listener.output
    position = await database[POSITIONS].find_one({"_id": POSITION_ID})
    owner = (position or {}).get("owner") or ""
    return next((listener for listener in listeners if f":{listener.pid}:" in owner), None)


async def _fence(database: Database) -> int:
    position = await database[POSITIONS].find_one({"_id": POSITION_ID})
    assert position is not None
    return int(position["fence"])


@asynccontextmanager
async def _marts_locked(database: Database) -> AsyncIterator[None]:
    """Keep the final transaction of a snapshot from committing."""
    await database[STATS].insert_one({"_id": "in the way"})
    async with database.client.start_session() as session, await session.start_transaction():
        await database[STATS].update_one({"_id": "in the way"}, {"$set": {"locked": True}}, session=session)
        yield


async def _seq(database: Database) -> int:
    position = await database[POSITIONS].find_one({"_id": POSITION_ID})
    return position["seq"] if position else 0


async def test_killed_again_and_again_each_change_counts_once(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    """One row per write, dense, chained; marts equal to the aggregation."""
    writers = Writers(database)
    async with AsyncExitStack() as programs:

        async def start() -> Program:
            return await programs.enter_async_context(
                program(*LISTENER, settings=settings, log=tmp_path / "listener.log", extra=SHORT_LEASE)
            )

        running = await start()
        await wait_until_applied(database)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(2):
                tasks.create_task(writers.write())
            for _ in range(KILLS):
                # The next one is already a standby, so that a kill costs no process start.
                standby = await start()
                await until(lambda: _active_of(database, running, standby), what="an active listener")  # noqa: B023
                await until(_has_passed(database, await _seq(database)))
                victim = await _active_of(database, running, standby)
                await asyncio.sleep(random.random() * 0.1)  # so that kills hit any point of a batch
                assert victim is not None
                await victim.kill()
                running = running if victim is standby else standby
            writers.is_done = True
        # The victim may have applied everything before its successor started.
        await until(lambda: _active_of(database, running), what="the take-over")
        await wait_until_applied(database)
        # Every kill caused a take-over: none hit a listener that was a standby.
        assert await _fence(database) > KILLS
        await running.end()

    assert len(await history_of(database)) == writers.written
    await assert_consistent(database)


async def test_killed_in_the_first_snapshot(database: Database, settings: Settings, tmp_path: Path) -> None:
    """The rows of the killed snapshot stay; the next listener adds the rest."""
    users = 5000
    for _ in range(users // 1000):
        await database["users"].insert_many([make_user() for _ in range(1000)])
    log = tmp_path / "listener.log"
    async with (
        _marts_locked(database),
        program(*LISTENER, settings=settings, log=log, extra=SHORT_LEASE) as first,
    ):
        await until(lambda: database["user_history"].find_one({"_id": 2000}))
        await first.kill()
    assert await _seq(database) >= 2000

    async with program(*LISTENER, settings=settings, log=log, extra=SHORT_LEASE) as second:
        await wait_until_applied(database)
        await second.end()

    assert len(await history_of(database)) == users
    await assert_consistent(database)


async def test_stop_and_check_from_outside(database: Database, settings: Settings, tmp_path: Path) -> None:
    """SIGTERM: the lease is given back, exit 0.

    The health check follows the heartbeat, not the process.
    """
    log = tmp_path / "listener.log"
    long_lease = {"DOCUSTORE_CHANGES_LEASE_S": "600"}

    async def check() -> int:
        async with program(*LISTENER, "--check", settings=settings, log=log, extra=long_lease) as checking:
            return await checking.wait()

    assert await check() == 1
    async with program(*LISTENER, settings=settings, log=log, extra=long_lease) as running:
        await wait_until_applied(database)
        assert await check() == 0
        assert await running.stop() == 0, running.output

    assert (await change_status(database)).owner is None
    assert "Traceback" not in running.output


async def test_lost_position_under_fail_exits_1(database: Database, settings: Settings, tmp_path: Path) -> None:
    fail = {"DOCUSTORE_CHANGES_ON_LOST_POSITION": "fail"}
    log = tmp_path / "listener.log"
    async with program(*LISTENER, settings=settings, log=log, extra=fail) as running:
        await wait_until_applied(database)
        await database["users"].drop()

        assert await running.wait() == 1

    assert "DOCUSTORE_CHANGES_ON_LOST_POSITION=snapshot" in running.output
    assert "Traceback" not in running.output
