"""Which process may work on a run, and which results count."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from docustore.database import Database
from docustore.errors import LeaseLostError, NotFoundError, RunError, SourceBusyError
from docustore.etl import ledger, schedule
from docustore.etl.models import Checkpoint, EtlRun, RunOptions, RunState, RunTrigger, Window
from docustore.etl.run import RunEnvironment, execute_run
from docustore.etl.schedule import create_run
from tests.integration.etl.conftest import file_source, user, write_ndjson

NOW = datetime(2026, 11, 1, 12, 34, tzinfo=UTC)


async def due_run(source: str = "crm") -> EtlRun:
    return await create_run(source, trigger=RunTrigger.API, options=RunOptions(), now=NOW)


async def expire_lease(database: Database, run: EtlRun) -> None:
    await database.etl_runs.update_one(
        {"_id": run.id}, {"$set": {"lease_expires_at": datetime(2020, 1, 1, tzinfo=UTC)}}
    )


async def test_one_of_many_claims_wins(database: Database) -> None:
    run = await due_run()

    claims = await asyncio.gather(
        *(ledger.claim(database, str(run.id), owner=f"w{n}", lease_s=30) for n in range(8)), return_exceptions=True
    )

    lost = [error for error in claims if isinstance(error, BaseException)]
    assert len(lost) == 7
    assert all(isinstance(error, RunError) for error in lost)


async def test_source_is_read_by_one_run_at_a_time(database: Database) -> None:
    first, second = await due_run(), await due_run()
    await ledger.claim(database, str(first.id), owner="a", lease_s=30)

    with pytest.raises(SourceBusyError, match=str(first.id)):
        await ledger.claim(database, str(second.id), owner="b", lease_s=30)


async def test_taken_over_claim_commits_nothing(database: Database) -> None:
    """A worker that was silent for longer than its lease cannot commit."""
    run = await due_run()
    stale, _ = await ledger.claim(database, str(run.id), owner="slow", lease_s=30)
    await expire_lease(database, run)
    await schedule.tick(database, {}, now=NOW, max_attempts=5)
    fresh, _ = await ledger.claim(database, str(run.id), owner="quick", lease_s=30)

    for write in (
        ledger.commit(database, stale, Checkpoint(), ledger.RunResult(watermark=NOW)),
        ledger.save_checkpoint(database, stale, Checkpoint(), lease_s=30),
        ledger.fail(database, stale, Checkpoint(), error="late"),
    ):
        with pytest.raises(LeaseLostError):
            await write

    assert await database.etl_sources.find_one({"_id": "crm"}) is None
    await ledger.commit(database, fresh, Checkpoint(), ledger.RunResult(watermark=NOW))
    assert (await ledger.get_run(str(run.id))).state is RunState.SUCCEEDED


async def test_expired_run_is_due_until_its_last_attempt(database: Database) -> None:
    run = await due_run()
    states = []
    for _ in range(2):
        await ledger.claim(database, str(run.id), owner="w", lease_s=30)
        await expire_lease(database, run)
        await schedule.tick(database, {}, now=NOW, max_attempts=2)
        states.append((await ledger.get_run(str(run.id))).state)

    assert states == [RunState.DUE, RunState.FAILED]


async def test_watermark_moves_back_only_after_a_full_run(database: Database) -> None:
    """The record of a run says what was stored."""
    earlier, stored = NOW.replace(hour=3), []
    for watermark, is_full in ((NOW, False), (earlier, False), (earlier, True)):
        run = await due_run()
        claim, _ = await ledger.claim(database, str(run.id), owner="w", lease_s=30)
        before = stored[-1][0] if stored else None
        await ledger.open_window(database, claim, Window(until=watermark), before=before)
        result = ledger.RunResult(watermark=watermark, is_full=is_full)
        await ledger.commit(database, claim, Checkpoint(), result)
        [source] = await database.etl_sources.find().to_list()
        stored.append((source["watermark"], (await ledger.get_run(str(run.id))).watermark.after))

    assert stored == [(NOW, NOW), (NOW, NOW), (earlier, earlier)]


async def test_cancelled_run_stops_its_worker(environment: RunEnvironment, tmp_path: Path) -> None:
    database = environment.database
    run = await due_run()
    path = write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(3)])
    claim, _ = await ledger.claim(database, str(run.id), owner="w", lease_s=30)

    await ledger.cancel(database, str(run.id))

    with pytest.raises(LeaseLostError):
        await ledger.commit(database, claim, Checkpoint(), ledger.RunResult(watermark=NOW))
    with pytest.raises(RunError, match="cancelled"):
        await execute_run(str(run.id), file_source(path), environment)


async def test_unknown_run_is_not_found(database: Database) -> None:
    for run_id in ("6b0365e2c681af19fcc644f1", "no-id"):
        with pytest.raises(NotFoundError):
            await ledger.get_run(run_id)
