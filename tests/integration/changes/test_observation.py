"""Metrics, readiness and incidents of the listener."""

import asyncio
from datetime import UTC, datetime

import pytest
from httpx2 import AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from docustore.api.health import listener_status
from docustore.changes import control
from docustore.changes.control import ResetTo
from docustore.changes.metrics import listener_exposition, listener_figures
from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.changes.stall import stall_of
from docustore.changes.status import wait_until_applied
from docustore.changes_watch import watch_listener
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import UnsupportedStoreError
from docustore.etl.alert_outbox import MESSAGES
from docustore.etl.incidents import INCIDENTS
from tests.listening import following, make_user
from workers.listener_http import served

NOW = datetime(2026, 5, 1, tzinfo=UTC)


async def samples(database: Database) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    exposition = listener_exposition(await listener_figures(database)).decode()
    return {
        (sample.name.removeprefix("docustore_changes_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


def of(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


async def test_metrics_tell_the_state_in_the_store(database: Database, settings: Settings) -> None:
    async with following(database, settings):
        await database["users"].insert_many([make_user(), make_user()])
        await wait_until_applied(database)
        position = await database[POSITIONS].find_one({"_id": POSITION_ID})
        found = await samples(database)

    assert position is not None
    assert found["listener_running", of()] == 1
    assert found["partition_owned", of(partition="users", owner=position["owner"])] == 1
    assert found["takeovers_total", of(partition="users")] == position["fence"] == 1
    assert found["lag_seconds", of()] == 0
    assert found["applied_total", of()] + found["snapshot_rows_total", of()] == 2
    assert found["oplog_headroom_seconds", of()] >= 0
    assert found["state", of(state="streaming")] == 1
    assert (found["dead_letters", of()], found["recoveries_total", of()]) == (0, 0)


async def test_lag_moves_while_no_listener_runs(database: Database, settings: Settings) -> None:
    async with following(database, settings):
        await wait_until_applied(database)
    await control.reset(database, ResetTo.NOW, actor="cli:ada")
    async with following(database, settings):
        await wait_until_applied(database)
    await database["users"].insert_one(make_user())

    found = await samples(database)

    assert found["lag_seconds", of()] > 0
    assert found["listener_running", of()] == 0
    assert (found["gaps_total", of(reason="reset")], found["recoveries_total", of()]) == (1, 0)


async def test_waiting_change_without_progress_is_a_stall(database: Database, settings: Settings) -> None:
    async with following(database, settings):
        await wait_until_applied(database)
    assert await stall_of(database, limit_s=0.0005, look_again_s=0) is None
    await database["users"].insert_one(make_user())

    problem = await stall_of(database, limit_s=0.0005, look_again_s=0)
    assert problem is not None
    assert "the position does not move" in problem
    assert await stall_of(database, limit_s=3600.0, look_again_s=0) is None

    await control.pause(database, actor="cli:ada")
    assert await stall_of(database, limit_s=0.0005, look_again_s=0) is None


async def test_listener_that_fails_at_each_start_is_not_well(database: Database, settings: Settings) -> None:
    """Each start renews the heartbeat: only the failure tells."""
    async with following(database, settings):
        await wait_until_applied(database)
    await database["users"].drop()
    await database.create_collection("users", viewOn="others", pipeline=[])
    async with following(database, settings) as listener:
        with pytest.raises(UnsupportedStoreError):
            await listener

    status = await listener_status(database, settings)

    assert status.status == "stopped"
    assert "`users` is a view" in str(status.problem)

    await database["users"].drop()
    await database.create_collection("users", changeStreamPreAndPostImages={"enabled": True})
    async with following(database, settings):
        await wait_until_applied(database)
        assert (await listener_status(database, settings)).status == "ok"


async def test_listener_that_makes_progress_does_not_stand_still(database: Database, settings: Settings) -> None:
    """The backlog is as old as in a stall; but the position moves between two looks."""
    async with following(database, settings):
        await wait_until_applied(database)
    await database["users"].insert_one(make_user())
    looking = asyncio.create_task(stall_of(database, limit_s=0.0005, look_again_s=0.5))
    while not looking.done():
        await database[POSITIONS].update_one({"_id": POSITION_ID}, {"$inc": {"seq": 1}})

    assert await looking is None


async def test_own_port_serves_metrics_and_readiness(database: Database) -> None:
    problems: list[str | None] = [None, "the oldest change waits for 400 s"]

    async def problem() -> str | None:
        return problems.pop(0)

    with served("127.0.0.1", 0, problem) as port:
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            metrics = await client.get("/metrics")
            ready, stalled = await client.get("/health/ready"), await client.get("/health/ready")
            live, unknown = await client.get("/health/live"), await client.get("/")

    assert "docustore_changes_commit_seconds" in metrics.text
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert [each.status_code for each in (ready, stalled, live, unknown)] == [200, 503, 200, 404]
    assert stalled.text == "the oldest change waits for 400 s\n"


async def test_stall_is_told_once_and_its_end_once(database: Database, settings: Settings) -> None:
    """The worker tells: a listener that has stopped cannot."""
    async with following(database, settings):
        await wait_until_applied(database)
    await database["users"].insert_one(make_user())

    for _ in range(2):
        await watch_listener(database, limit_s=0.0005, now=NOW, is_told=True, look_again_s=0)
    opened = await messages(database)
    async with following(database, settings):
        await wait_until_applied(database)
    for _ in range(2):
        await watch_listener(database, limit_s=0.0005, now=NOW, is_told=True, look_again_s=0)

    assert opened == ["changes.listener_stalled"]
    assert await messages(database) == [*opened, "changes.recovered"]
    assert await database[INCIDENTS].count_documents({"is_open": True}) == 0


async def messages(database: Database) -> list[str]:
    return sorted([message["event"] async for message in database[MESSAGES].find()])
