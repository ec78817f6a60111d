"""Windows that are read again, and watermarks that a person sets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from docustore.database import Database
from docustore.errors import InvalidInputError, SourceBusyError
from docustore.etl import ledger, schedule
from docustore.etl.guards.backfill import create_backfill
from docustore.etl.guards.diffs import find_diff
from docustore.etl.guards.watermark import read_watermark, set_watermark
from docustore.etl.models import Checkpoint, Counts, EtlRun, RunOptions, RunState, RunTrigger, Window
from docustore.etl.preconditions import has_unique_indexes
from docustore.etl.run import RunEnvironment
from docustore.source_settings import SourceSettings
from indexes.apply import apply_indexes
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson

NOW = datetime.now(UTC).replace(microsecond=0)
SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 15, tzinfo=UTC)
CRM = SourceSettings(kind="http", url="http://127.0.0.1:1/users")


async def backfill(database: Database, **fields: Any) -> EtlRun:
    options = RunOptions(since=SINCE, until=UNTIL)
    given = {"options": options, "actor": "cli:test", "now": NOW, "trigger": RunTrigger.CLI, **fields}
    return await create_backfill(database, "crm", **given)


async def live_run() -> EtlRun:
    return await schedule.create_run("crm", trigger=RunTrigger.SCHEDULE, options=RunOptions(), now=NOW)


async def test_backfill_runs_beside_the_live_run(database: Database, run_source: Run, tmp_path: Path) -> None:
    records = [user(1), user(2, modified_at="2026-02-01T00:00:00Z")]
    path = write_ndjson(tmp_path / "a.ndjson", records)
    live = await live_run()
    claim, _ = await ledger.claim(database, str(live.id), owner="w", lease_s=60)
    entered = await backfill(database)

    run = await run_source(file_source(path), again=str(entered.id))
    await ledger.save_checkpoint(database, claim, Checkpoint(), lease_s=60)

    assert (run.state, run.counts.inserted, run.watermark.after) == (RunState.SUCCEEDED, 1, None)
    assert await read_watermark(database, "crm") is None
    [audited] = await database.audit_log.find().to_list()
    assert (audited["action"], audited["after"]["run_id"]) == ("etl.backfill", str(run.id))


async def test_live_run_starts_beside_a_backfill(database: Database) -> None:
    entered = await backfill(database)
    await ledger.claim(database, str(entered.id), owner="w", lease_s=60)
    live = await live_run()

    due = await schedule.tick(database, {"crm": CRM}, now=NOW, max_attempts=5)
    claim, _ = await ledger.claim(database, str(live.id), owner="w", lease_s=60)

    assert str(live.id) in {str(run.id) for run in due}
    assert claim.run_id == live.id


async def test_one_backfill_of_a_source_at_a_time(database: Database) -> None:
    first, same = await backfill(database), await backfill(database)
    await ledger.claim(database, str(first.id), owner="w", lease_s=60)

    assert same.id == first.id
    with pytest.raises(SourceBusyError, match=str(first.id)):
        await backfill(database)


@pytest.mark.parametrize("until", [None, SINCE, SINCE - timedelta(days=1)])
async def test_window_of_a_backfill_has_two_ends(database: Database, until: datetime | None) -> None:
    with pytest.raises(InvalidInputError):
        await backfill(database, options=RunOptions(since=SINCE, until=until))
    assert await database.etl_runs.count_documents({}) == 0


async def test_interrupted_backfill_is_resumed(
    database: Database, run_source: Run, tmp_path: Path, environment: RunEnvironment
) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(6)])
    small = environment.settings.model_copy(update={"etl_batch_size": 2, "etl_batches_in_flight": 1})
    whole = replace(environment, settings=small)

    def cut(counts: Counts) -> None:
        if counts.read == 4:
            raise AutoReconnect("connection closed")

    entered = await backfill(database)
    put_off = await run_source(file_source(path), again=str(entered.id), with_=replace(whole, on_progress=cut))
    run = await run_source(file_source(path), again=str(entered.id), with_=whole)

    assert (put_off.state, put_off.checkpoint.counts.read) == (RunState.DUE, 4)
    assert (run.state, run.counts.read, run.counts.inserted) == (RunState.SUCCEEDED, 6, 6)


async def test_watermark_is_set_and_audited(database: Database) -> None:
    await set_watermark(database, "crm", UNTIL, actor="cli:test", now=NOW)
    await set_watermark(database, "crm", SINCE, actor="cli:test", now=NOW)

    assert await read_watermark(database, "crm") == SINCE
    audited = await database.audit_log.find({"action": "etl.set_watermark"}).sort("_id").to_list()
    assert [(row["before"]["watermark"], row["after"]["watermark"]) for row in audited] == [
        (None, UNTIL),
        (UNTIL, SINCE),
    ]


async def test_watermark_is_not_set_while_a_run_is_running(database: Database) -> None:
    live = await live_run()
    await ledger.claim(database, str(live.id), owner="w", lease_s=60)

    with pytest.raises(SourceBusyError, match=str(live.id)):
        await set_watermark(database, "crm", SINCE, actor="cli:test", now=NOW)
    assert await database.audit_log.count_documents({}) == 0


async def test_watermark_in_the_future_is_refused(database: Database) -> None:
    """All changes until then would be skipped."""
    with pytest.raises(InvalidInputError):
        await set_watermark(database, "crm", NOW + timedelta(hours=1), actor="cli:test", now=NOW)


async def test_run_keeps_a_watermark_that_was_set_meanwhile(database: Database) -> None:
    """The run may have been claimed just after the watermark was found free."""
    live = await live_run()
    claim, _ = await ledger.claim(database, str(live.id), owner="w", lease_s=60)
    await ledger.open_window(database, claim, Window(until=NOW), before=None)
    await database.etl_sources.insert_one({"_id": "crm", "paused": False, "watermark": SINCE})

    await ledger.commit(database, claim, Checkpoint(), ledger.RunResult(watermark=NOW))

    assert await read_watermark(database, "crm") == SINCE
    assert (await ledger.get_run(str(live.id))).watermark.after == SINCE


async def test_dry_run_reports_its_difference(database: Database, run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(1), user(2)])
    await run_source(file_source(path))
    later = {"modified_at": "2026-02-01T00:00:00Z"}
    write_ndjson(path, [user(1, first_name="New", **later), {"id": 2, "deleted": True, **later}, user(3)])

    dry = await run_source(file_source(path), dry_run=True)

    found = await find_diff(database, str(dry.id))
    assert found.users == {"updated": 1, "deactivated": 1, "inserted": 1}
    assert found.fields["updated"] == {"first_name": 1}
    assert await database.users.count_documents({"status": "active", "version": 1}) == 2


async def test_older_store_gets_the_lane(database: Database) -> None:
    """The changed index keeps its second name, and the worker must accept it."""
    await database.etl_runs.drop_index("source_running_unique")
    await database.etl_runs.create_index(
        "source", name="source_running_unique", unique=True, partialFilterExpression={"state": "running"}
    )

    await apply_indexes(database)

    assert await has_unique_indexes(database)
    for run in (await live_run(), await backfill(database)):
        await ledger.claim(database, str(run.id), owner="w", lease_s=60)
