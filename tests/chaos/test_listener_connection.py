"""The listener when its server steps down, and when its connections are cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect

from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Client, Database, connect
from docustore.embedded.servers import embedded_servers
from indexes.apply import apply_indexes
from tests.addresses import direct_url, host_and_port
from tests.listening import assert_consistent, following, history_of, make_user
from tests.tcp_proxy import tcp_proxy
from tests.waiting import until

EVENTS = 12_000

pytestmark = [pytest.mark.chaos]


async def _write_backlog(database: Database) -> None:
    users = [make_user() for _ in range(EVENTS // 2)]
    for start in range(0, len(users), 1000):
        await database["users"].insert_many(users[start : start + 1000])
    await database["users"].update_many({}, {"$set": {"status": "inactive"}, "$inc": {"version": 1}})


async def _has_applied(database: Database, events: int) -> bool:
    position = await database[POSITIONS].find_one({"_id": POSITION_ID})
    return position is not None and position["seq"] >= events


@asynccontextmanager
async def _backlog_behind(database: Database, settings: Settings) -> AsyncIterator[None]:
    """Start and stop a listener, so that later writes become a backlog."""
    async with following(database, settings):
        await wait_until_applied(database)
    await _write_backlog(database)
    yield


async def test_step_down_during_a_drain(tmp_path: Path) -> None:
    """Use an own replica set: other tests use the shared one."""
    async with embedded_servers(tmp_path) as own:
        settings = Settings(
            mongodb_url=own.mongodb_url,
            redis_url=own.redis_url,
            mongodb_database=f"test_{uuid4().hex[:12]}",
            changes_batch_size=200,
        )
        owner: Client = AsyncMongoClient(own.mongodb_root_url)
        async with connect(settings, app_name="docustore-tests") as database, owner:
            await apply_indexes(database)
            elected = await _term(database)
            async with _backlog_behind(database, settings), following(database, settings):
                for events in (1000, 5000):
                    await until(lambda n=events: _has_applied(database, n))  # type: ignore[misc]
                    await _step_down(database, owner)
                await until(lambda: _can_write(database))
                await wait_until_applied(database)
            assert await _term(database) >= elected + 2
            assert len(await history_of(database)) == EVENTS
            await assert_consistent(database)


async def _term(database: Database) -> int:
    """Read the number of elections so far."""
    return int((await database.client.admin.command("replSetGetStatus"))["term"])


async def _step_down(database: Database, owner: Client) -> None:
    """Use the account of the owner, because the account of the service may not do this."""
    with suppress(AutoReconnect):  # the server may close the connection that asked for it
        await owner.admin.command({"replSetStepDown": 1, "force": True})
    await until(lambda: _can_write(database))


async def _can_write(database: Database) -> bool:
    with suppress(AutoReconnect):
        return bool((await database.client.admin.command("hello"))["isWritablePrimary"])
    return False


async def test_connections_cut_during_a_drain(database: Database, settings: Settings) -> None:
    """Cut connections in the middle of reads, writes and commits.

    An unknown outcome is looked up, not guessed.
    """
    async with tcp_proxy(*host_and_port(settings.mongodb_url)) as proxy:
        url = direct_url(settings.mongodb_url, port=proxy.port)
        cut = settings.model_copy(update={"mongodb_url": url, "changes_batch_size": 200})

        async def cut_something() -> bool:
            return proxy.cut() > 0

        async with (
            connect(cut, app_name="docustore-tests") as through,
            _backlog_behind(database, settings),
            following(through, cut),
        ):
            for events in range(500, EVENTS - 3000, 1500):
                await until(lambda n=events: _has_applied(database, n))  # type: ignore[misc]
                await until(cut_something)
            await wait_until_applied(database)

    assert len(await history_of(database)) == EVENTS
    await assert_consistent(database)


async def test_server_gone_for_a_while(database: Database, settings: Settings) -> None:
    """Connections cut for two seconds: the listener neither stops nor skips."""
    async with tcp_proxy(*host_and_port(settings.mongodb_url)) as proxy:
        url = direct_url(settings.mongodb_url, port=proxy.port)
        cut = settings.model_copy(update={"mongodb_url": url})
        async with connect(cut, app_name="docustore-tests") as through, following(through, cut) as listener:
            await wait_until_applied(database)
            for _ in range(20):
                await database["users"].insert_one(make_user())
                proxy.cut()
                await asyncio.sleep(0.1)  # the outage itself, not a wait for something
            assert not listener.done()
            await wait_until_applied(database)

    assert len(await history_of(database)) == 20
    await assert_consistent(database)
