"""The counts of a run are those of what was read and written, whatever happens to the run."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from docustore.database import Database
from docustore.errors import LeaseLostError
from docustore.etl import ledger, schedule
from docustore.etl.models import Checkpoint, Counts, EtlRun, RunOptions, RunState, RunTrigger
from docustore.etl.run import RunEnvironment
from docustore.etl.schedule import create_run
from docustore.source_settings import SourceSettings
from tests.http_service import Answer, Query, http_service
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson
from tests.waiting import until

NOW = datetime(2026, 11, 1, 12, 34, tzinfo=UTC)
LATER = {"modified_at": "2026-02-01T00:00:00Z"}
COUNTED = Checkpoint(counts=Counts(read=3, inserted=2, quarantined=1), quality={"/ json_malformed": 1})


class KilledError(BaseException):
    """The process ends here; nothing catches it."""


@pytest.fixture
def small_pages(environment: RunEnvironment) -> RunEnvironment:
    settings = environment.settings.model_copy(update={"etl_batch_size": 100})
    return replace(environment, settings=settings)


@pytest.mark.parametrize("fields", [{}, LATER])
async def test_insert_is_counted_once_per_user(
    database: Database, run_source: Run, small_pages: RunEnvironment, tmp_path: Path, fields: dict[str, str]
) -> None:
    """Pages with the same ids are stored at the same time, and each of them plans to insert."""
    parts = [range(start, start + 50) for start in range(0, 500, 50)]
    records = [user(number, **given) for part in parts for given in ({}, fields) for number in part]

    run = await run_source(file_source(write_ndjson(tmp_path / "a.ndjson", records)), with_=small_pages)

    assert (run.counts.read, run.counts.inserted) == (1000, 500)
    assert run.counts.updated + run.counts.unchanged + run.counts.stale == 500
    assert await database.users.count_documents({}) == 500


async def test_same_ids_in_the_second_half_are_not_inserted_again(
    database: Database, run_source: Run, small_pages: RunEnvironment, tmp_path: Path
) -> None:
    records = [user(number) for number in range(150)] + [user(number, **LATER) for number in range(150)]

    run = await run_source(file_source(write_ndjson(tmp_path / "a.ndjson", records)), with_=small_pages)

    assert (run.counts.read, run.counts.inserted) == (300, 150)
    newest = {"identities.modified_at": datetime(2026, 2, 1, tzinfo=UTC)}
    assert await database.users.count_documents(newest) == 150


async def test_dry_run_counts_like_the_run(run_source: Run, small_pages: RunEnvironment, tmp_path: Path) -> None:
    records = [user(number) for number in range(150)] + [user(number, **LATER) for number in range(150)]

    run = await run_source(
        file_source(write_ndjson(tmp_path / "a.ndjson", records)), with_=small_pages, dry_run=True
    )

    # Pages are rehearsed at the same time, as they are stored: a later version may come first.
    assert (run.counts.read, run.counts.inserted) == (300, 150)
    assert run.counts.updated + run.counts.stale == 150


async def test_record_outside_a_given_window_is_not_read(run_source: Run, tmp_path: Path) -> None:
    """A file ignores the window. What it delivers beside it is shown, and not counted as read."""
    path = write_ndjson(tmp_path / "a.ndjson", [user(1), user(2, **LATER), user(3, **LATER, email="bad")])

    run = await run_source(file_source(path), since=datetime(2026, 1, 15, tzinfo=UTC))

    assert run.counts == Counts(read=2, inserted=1, quarantined=1)
    assert run.quality["outside_window"] == 1


async def test_killed_run_counts_what_it_stored_after_its_checkpoint(
    database: Database, run_source: Run, small_pages: RunEnvironment, tmp_path: Path
) -> None:
    """Its pages are read again, and their records are known by then; some are in the file twice."""
    people = [user(number) for number in range(400)]
    source = file_source(write_ndjson(tmp_path / "a.ndjson", [*people, *people[:200]]))

    def kill(counts: Counts) -> None:
        if counts.read >= 300:
            raise KilledError

    with pytest.raises(KilledError):
        await run_source(source, with_=replace(small_pages, on_progress=kill))
    assert await database.users.count_documents({}) >= 300
    run = await _resumed(database, run_source, source, small_pages)

    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)
    assert run.counts == Counts(read=600, inserted=400, unchanged=200)


async def test_resumed_run_counts_no_page_twice(
    database: Database, run_source: Run, small_pages: RunEnvironment, tmp_path: Path
) -> None:
    """The records before the checkpoint are counted; their second lines come after it."""
    people = [user(number) for number in range(200)]
    source = file_source(write_ndjson(tmp_path / "a.ndjson", [*people, *people]))

    def kill(counts: Counts) -> None:
        if counts.read >= 300:
            raise KilledError

    with pytest.raises(KilledError):
        await run_source(source, with_=replace(small_pages, on_progress=kill))
    users = await database.users.find({}, {"updated_at": 1}).sort("updated_at").to_list()
    path = tmp_path / "a.ndjson"
    mark = f"200@{path.stat().st_size}-{path.stat().st_mtime_ns}"
    counted = Checkpoint(position=mark, stamp=users[-1]["updated_at"], counts=Counts(read=200, inserted=200))
    await database.etl_runs.update_one({}, {"$set": {"checkpoint": counted.model_dump()}})
    run = await _resumed(database, run_source, source, small_pages)

    assert run.counts == Counts(read=400, inserted=200, unchanged=200)


async def _resumed(database: Database, run_source: Run, source: Any, environment: RunEnvironment) -> EtlRun:
    await database.etl_runs.update_one({}, {"$set": {"lease_expires_at": datetime(2020, 1, 1, tzinfo=UTC)}})
    await schedule.tick(database, {"crm": source}, now=datetime.now(UTC), max_attempts=5)
    run = await EtlRun.find_one(EtlRun.state == RunState.DUE)
    assert run is not None
    return await run_source(source, with_=environment, again=str(run.id))


Close = Callable[[Database, EtlRun], Awaitable[object]]


async def _cancel(database: Database, run: EtlRun) -> None:
    await ledger.cancel(database, str(run.id))


async def _reap(database: Database, run: EtlRun) -> None:
    del run
    await database.etl_runs.update_one({}, {"$set": {"lease_expires_at": datetime(2020, 1, 1, tzinfo=UTC)}})
    await schedule.tick(database, {}, now=NOW, max_attempts=1)


async def _remove_source(database: Database, run: EtlRun) -> None:
    due = {"state": "due", "created_at": NOW - schedule.REMOVED_AFTER * 2}
    await database.etl_runs.update_one({"_id": run.id}, {"$set": due})
    await schedule.tick(database, {}, now=NOW, max_attempts=5)


@pytest.mark.parametrize("close", [_cancel, _reap, _remove_source])
async def test_run_that_nobody_finishes_keeps_its_counts(database: Database, close: Close) -> None:
    run = await create_run("crm", trigger=RunTrigger.API, options=RunOptions(), now=NOW)
    claim, _ = await ledger.claim(database, str(run.id), owner="w", lease_s=30)
    await ledger.save_checkpoint(database, claim, COUNTED, lease_s=30)

    await close(database, run)

    closed = await ledger.get_run(str(run.id))
    assert closed.state in {RunState.CANCELLED, RunState.FAILED}
    assert (closed.counts, closed.quality) == (COUNTED.counts, COUNTED.quality)
    assert closed.duration_s is not None


async def test_cancelled_run_counts_what_it_stored(database: Database, run_source: Run) -> None:
    """Its worker notices the end later, and may have stored pages since the last checkpoint."""
    is_cancelled = asyncio.Event()

    async def hold(query: Query) -> None:
        if int(query.get("cursor", "0")) >= 3:
            await is_cancelled.wait()

    def page(query: Query) -> Answer:
        number = int(query.get("cursor", "0"))
        return Answer({"users": [user(number)], "next_cursor": str(number + 1)})

    async def is_stored() -> bool:
        return await database.users.count_documents({}) == 3

    async with http_service(page, hold=hold) as service:
        working = asyncio.create_task(run_source(SourceSettings(kind="http", url=service.url)))
        await until(is_stored, what="three pages")
        run = await EtlRun.find_one()
        assert run is not None
        await ledger.cancel(database, str(run.id))
        with pytest.raises(LeaseLostError):
            await working
        is_cancelled.set()

    cancelled = await ledger.get_run(str(run.id))
    assert (cancelled.state, cancelled.counts) == (RunState.CANCELLED, Counts(read=3, inserted=3))
