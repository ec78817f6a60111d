"""One run per source and hour, for any number of ticks."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from docustore.database import Database
from docustore.etl import ledger
from docustore.etl.models import EtlRun, RunOptions, RunState, RunTrigger
from docustore.etl.pause import pause_source, resume_source
from docustore.etl.schedule import REMOVED_AFTER, create_run, tick
from docustore.source_settings import SourceSettings

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
SOURCES = {
    "crm": SourceSettings(kind="http", url="http://127.0.0.1:1/users"),
    "manual": SourceSettings(kind="http", url="http://127.0.0.1:1/users", schedule="off"),
}


async def ticked(database: Database, now: datetime) -> list[EtlRun]:
    return await tick(database, SOURCES, now=now, max_attempts=5)


async def test_one_run_per_hour_from_many_ticks(database: Database) -> None:
    moments = [NOON + timedelta(minutes=minute) for minute in range(0, 60, 5)]

    await asyncio.gather(*(ticked(database, moment) for moment in moments))

    runs = await EtlRun.find_all().to_list()
    assert [(run.source, run.slot) for run in runs] == [("crm", NOON)]


async def test_missed_hours_are_merged_into_the_latest(database: Database) -> None:
    """The window of the latest run covers the windows of the missed ones."""
    await ticked(database, NOON)
    await ticked(database, NOON + timedelta(hours=1))

    [due] = await ticked(database, NOON + timedelta(hours=5))

    runs = await EtlRun.find_all().sort("slot").to_list()
    assert due.slot == NOON + timedelta(hours=5)
    assert [run.state for run in runs] == [RunState.SUPERSEDED, RunState.SUPERSEDED, RunState.DUE]


async def test_stopped_or_jumping_clock_enters_no_slot_twice(database: Database) -> None:
    jumps = [
        timedelta(),
        timedelta(),
        timedelta(days=1),
        timedelta(hours=1),
        timedelta(hours=-3),
        timedelta(days=1),
    ]

    for jump in jumps:
        await ticked(database, NOON + jump)

    slots = [run.slot for run in await EtlRun.find_all().to_list()]
    assert sorted(slots, key=str) == sorted({NOON + jump for jump in jumps}, key=str)


async def test_started_run_is_not_superseded(database: Database) -> None:
    [run] = await ticked(database, NOON)
    await ledger.claim(database, str(run.id), owner="w", lease_s=3600)

    await ticked(database, NOON + timedelta(hours=1))

    assert (await ledger.get_run(str(run.id))).state is RunState.RUNNING


async def test_put_off_run_waits_for_its_time(database: Database) -> None:
    [run] = await ticked(database, NOON)
    await database.etl_runs.update_one({"_id": run.id}, {"$set": {"not_before": NOON + timedelta(minutes=10)}})

    assert await ticked(database, NOON + timedelta(minutes=9)) == []
    assert len(await ticked(database, NOON + timedelta(minutes=10))) == 1


async def test_waiting_runs_of_a_paused_source_wait_for_the_resume(database: Database) -> None:
    """The missed slots become one run; a run that a person started is not affected."""
    await ticked(database, NOON)
    await pause_source(database, "crm", reason="move", actor="cli:ada")
    by_hand = await create_run("crm", trigger=RunTrigger.API, options=RunOptions(), now=NOON)

    paused = [await ticked(database, NOON + timedelta(hours=hours)) for hours in (0, 1, 2)]
    await database.etl_runs.delete_one({"_id": by_hand.id})
    await resume_source(database, "crm", actor="cli:ada")
    [resumed] = await ticked(database, NOON + timedelta(hours=2))

    assert [[run.id for run in runs] for runs in paused] == [[by_hand.id]] * 3
    assert (resumed.slot, resumed.first_slot) == (NOON + timedelta(hours=2), NOON)
    audit = [entry async for entry in database.audit_log.find({}, sort=[("at", 1)])]
    assert [(entry["action"], entry["actor"]) for entry in audit] == [
        ("etl.pause", "cli:ada"),
        ("etl.resume", "cli:ada"),
    ]
    assert audit[0]["after"]["pause_reason"] == "move"


async def test_paused_source_has_no_runs(database: Database) -> None:
    await database.etl_sources.insert_one({"_id": "crm", "paused": True})

    assert await ticked(database, NOON) == []


@pytest.mark.parametrize(("is_attended", "woken"), [(True, 0), (False, 1)])
async def test_attended_run_is_not_listed(database: Database, is_attended: bool, woken: int) -> None:
    await create_run("manual", trigger=RunTrigger.CLI, options=RunOptions(), now=NOON, is_attended=is_attended)

    due = await ticked(database, NOON)

    assert sorted(run.source for run in due) == ["crm"] + ["manual"] * woken


async def test_runs_of_a_removed_source_are_closed(database: Database) -> None:
    """The reason is said, and only later: a worker with older settings may not know a new source yet."""
    run = await create_run("gone", trigger=RunTrigger.API, options=RunOptions(), now=NOON)

    await ticked(database, NOON + REMOVED_AFTER)
    before = await ledger.get_run(str(run.id))
    await ticked(database, NOON + REMOVED_AFTER + timedelta(seconds=1))

    closed = await ledger.get_run(str(run.id))
    assert before.state is RunState.DUE
    assert (closed.state, closed.error) == (RunState.CANCELLED, "source gone is no longer configured")
    assert closed.finished_at is not None


async def test_busy_source_is_not_listed(database: Database) -> None:
    """No worker could take its run."""
    running = await create_run("manual", trigger=RunTrigger.API, options=RunOptions(), now=NOON)
    await ledger.claim(database, str(running.id), owner="w", lease_s=3600)
    await create_run("manual", trigger=RunTrigger.API, options=RunOptions(), now=NOON)

    assert [run.source for run in await ticked(database, NOON)] == ["crm"]
