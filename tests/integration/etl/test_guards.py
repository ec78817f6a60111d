"""Runs that are held, and their approval, on the real server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from docustore.database import Database
from docustore.errors import RunError
from docustore.etl import ledger
from docustore.etl.guards.approval import approve_run
from docustore.etl.models import EtlRun, RunState, RunTrigger
from docustore.etl.run import RunEnvironment
from docustore.source_settings import SourceSettings
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson

LATER = {"modified_at": "2026-02-01T00:00:00Z"}


def source(path: Path, **fields: Any) -> SourceSettings:
    return file_source(path, limits={"max_updated": 5, "pct_from": 3}, **fields)


def changed(count: int, first_name: str = "New") -> list[dict[str, Any]]:
    return [user(n, first_name=first_name, **LATER) for n in range(count)]


async def approved(database: Database, run: EtlRun, now: datetime | None = None) -> EtlRun:
    when = now or datetime.now(UTC)
    return await approve_run(database, str(run.id), actor="cli:test", now=when, trigger=RunTrigger.CLI)


@pytest.fixture
def small_pages(environment: RunEnvironment) -> RunEnvironment:
    settings = environment.settings.model_copy(update={"etl_batch_size": 4, "etl_batches_in_flight": 1})
    return RunEnvironment(database=environment.database, settings=settings, owner="test")


async def test_mass_change_is_held_before_it_is_written(
    database: Database, run_source: Run, tmp_path: Path, small_pages: RunEnvironment
) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(12)])
    first = await run_source(source(path), with_=small_pages)
    write_ndjson(path, changed(12))

    run = await run_source(source(path), with_=small_pages)

    assert (run.state, run.needs_approval, run.counts.updated, run.counts.read) == (RunState.FAILED, True, 4, 4)
    assert run.hold is not None
    assert (run.hold.codes, run.hold.total["updated"], run.hold.stored["updated"]) == (["mass_update"], 12, 4)
    assert "etl approve" in (run.error or "")
    assert await database.users.count_documents({"first_name": "New"}) == 4
    [stored] = await database.etl_sources.find().to_list()
    assert (stored["watermark"], stored["held"]["run_id"]) == (first.watermark.after, str(run.id))


async def test_held_change_does_not_pass_in_small_parts(
    database: Database, run_source: Run, tmp_path: Path, small_pages: RunEnvironment
) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(12)])
    await run_source(source(path), with_=small_pages)
    write_ndjson(path, changed(12))

    runs = [await run_source(source(path), with_=small_pages) for _ in range(3)]

    assert [run.needs_approval for run in runs] == [True] * 3
    assert await database.users.count_documents({"first_name": "New"}) == 4


async def test_approval_lets_this_change_through_once(
    database: Database, run_source: Run, tmp_path: Path, small_pages: RunEnvironment
) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(12)])
    await run_source(source(path), with_=small_pages)
    held = await run_source(source(write_ndjson(path, changed(12))), with_=small_pages)

    entered = await approved(database, held)
    again = await approved(database, held)
    run = await run_source(source(path), again=str(entered.id), with_=small_pages)

    assert (again.id, entered.window, entered.watermark.before) == (entered.id, held.window, held.watermark.before)
    assert (run.state, run.counts.updated, run.counts.unchanged) == (RunState.SUCCEEDED, 8, 4)
    assert run.watermark.after == held.window.until
    [stored] = await database.etl_sources.find().to_list()
    assert stored["held"] is None
    [audited] = await database.audit_log.find().to_list()
    assert (audited["actor"], audited["action"]) == ("cli:test", "etl.approve_run")
    assert audited["before"]["total"]["updated"] == 12
    closed = await ledger.get_run(str(held.id))
    assert (closed.needs_approval, closed.approved_run_id) == (False, str(run.id))
    with pytest.raises(RunError, match="has made its change"):
        await approved(database, held)
    other = await run_source(source(write_ndjson(path, changed(12, "Newer!"))), with_=small_pages)
    assert other.needs_approval


async def test_larger_change_than_approved_is_held(
    database: Database, run_source: Run, tmp_path: Path, small_pages: RunEnvironment
) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(40)])
    await run_source(source(path), with_=small_pages)
    held = await run_source(source(write_ndjson(path, changed(12))), with_=small_pages)
    entered = await approved(database, held)

    run = await run_source(source(write_ndjson(path, changed(40))), again=str(entered.id), with_=small_pages)

    assert (run.state, run.needs_approval) == (RunState.FAILED, True)
    assert await database.users.count_documents({"first_name": "New"}) <= 12 + 5


async def test_old_or_outdated_run_cannot_be_approved(
    database: Database, run_source: Run, tmp_path: Path, small_pages: RunEnvironment
) -> None:
    """An approval does not stay open for ever, and says nothing about a later state of the source."""
    path = write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(12)])
    loaded = await run_source(source(path), with_=small_pages)
    write_ndjson(path, changed(12))
    held = await run_source(source(path), with_=small_pages)
    later = await run_source(source(path), with_=small_pages)

    with pytest.raises(RunError, match="waits for nothing"):
        await approved(database, loaded)
    with pytest.raises(RunError, match=str(later.id)):
        await approved(database, held)
    with pytest.raises(RunError, match="7 days"):
        await approved(database, later, datetime.now(UTC) + timedelta(days=8))
    await run_source(file_source(path), with_=small_pages)
    with pytest.raises(RunError, match="has succeeded since"):
        await approved(database, later)


async def test_mass_loss_is_held_by_default(database: Database, run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(40)])
    await run_source(file_source(path))

    run = await run_source(file_source(write_ndjson(path, [user(n, status="off", **LATER) for n in range(40)])))
    gone = [{"id": n, "deleted": True, **LATER} for n in range(11)]
    lost = await run_source(file_source(write_ndjson(path, gone)))

    assert run.state is RunState.SUCCEEDED
    assert (lost.state, lost.counts.deactivated) == (RunState.FAILED, 0)
    assert lost.hold is not None
    assert (lost.hold.codes, lost.hold.total["deactivated"]) == (["mass_loss"], 11)
    assert await database.users.count_documents({"status": "active"}) == 40


async def test_unread_field_is_reported_once(run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(1)])
    runs = [await run_source(file_source(path))]
    write_ndjson(path, [user(1, shoe=40)])

    runs += [await run_source(file_source(path)) for _ in range(2)]

    assert [run.new_fields for run in runs] == [[], ["shoe"], []]


async def test_frozen_source_waits_for_new_fields(database: Database, run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(1)])
    frozen = file_source(path, new_fields="freeze")
    first = await run_source(frozen)
    write_ndjson(path, [user(1, shoe=40), user(2)])

    held = await run_source(frozen)
    entered = await approved(database, held)
    run = await run_source(frozen, again=str(entered.id))
    after = await run_source(frozen, full=True)

    assert (held.state, held.counts.read, held.watermark.after) == (RunState.FAILED, 0, None)
    assert held.hold is not None
    assert (held.hold.new_fields, held.watermark.before) == (["shoe"], first.watermark.after)
    assert [(r.state, r.counts.read) for r in (run, after)] == [(RunState.SUCCEEDED, 2)] * 2


async def test_missing_required_field_fails_the_window(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    records = [user(n, last_name="") for n in range(3)] + [user(n) for n in range(3, 10)]
    path = write_ndjson(tmp_path / "a.ndjson", records)

    failed = await run_source(file_source(path, max_missing_pct=29))
    run = await run_source(file_source(path, max_missing_pct=30))

    assert (failed.state, run.state) == (RunState.FAILED, RunState.SUCCEEDED)
    assert "last_name is missing in 3 of 10 records" in (failed.error or "")
    assert await database.users.count_documents({}) == 7


async def test_held_run_that_is_resumed_stays_held(
    database: Database, run_source: Run, tmp_path: Path, small_pages: RunEnvironment
) -> None:
    """The checkpoint stays before the first held page."""
    path = write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(12)])
    await run_source(source(path), with_=small_pages)
    held = await run_source(source(write_ndjson(path, changed(12))), with_=small_pages)
    again = {"state": "due", "finished_at": None, "needs_approval": False, "hold": None}
    await database.etl_runs.update_one({"_id": held.id}, {"$set": again})

    resumed = await run_source(source(path), again=str(held.id), with_=small_pages)

    assert (resumed.needs_approval, resumed.counts.updated, resumed.counts.read) == (True, 4, 4)
    assert resumed.hold is not None
    assert resumed.hold.total["updated"] == 12
    assert await database.users.count_documents({"first_name": "New"}) == 4


async def test_dry_run_says_that_the_run_would_be_held(
    database: Database, run_source: Run, tmp_path: Path, small_pages: RunEnvironment
) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(12)])
    await run_source(source(path, new_fields="freeze"), with_=small_pages)
    write_ndjson(path, [{**record, "shoe": 40} for record in changed(12)])

    dry = await run_source(source(path, new_fields="freeze"), with_=small_pages, dry_run=True)

    assert (dry.state, dry.needs_approval, dry.counts.updated) == (RunState.SUCCEEDED, False, 12)
    assert dry.hold is not None
    assert (dry.hold.codes, dry.hold.total["updated"]) == (["new_fields", "mass_update"], 12)
    with pytest.raises(RunError, match="waits for nothing"):
        await approved(database, dry)
