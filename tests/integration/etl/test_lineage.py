"""Each transition of a run is told once to the ledger, and at least once to the receiver, in order."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.errors import NotFoundError
from docustore.etl import ledger
from docustore.etl.lineage import Dataset
from docustore.etl.lineage_event import LineageState
from docustore.etl.lineage_outbox import (
    STUCK_AFTER,
    deliver_lineage,
    lineage_backlog,
    retry_lineage,
    skip_lineage,
    undelivered_runs,
)
from docustore.etl.models import Checkpoint, Counts, EtlRun, RunOptions, RunState, RunTrigger
from docustore.etl.run import RunEnvironment
from docustore.etl.schedule import create_run, tick
from tests.http_service import Answer, http_service
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson

DATASET = Dataset(namespace="file", name="/people.csv")
LATER = timedelta(hours=1)


def to_file(settings: Settings, path: Path) -> Settings:
    return settings.model_copy(update={"lineage_url": str(path)})


def told(path: Path) -> list[tuple[str, str]]:
    events = [json.loads(line) for line in path.read_text().splitlines()]
    return [(event["job"]["name"], event["eventType"]) for event in events]


async def claimed(database: Database, source: str = "crm", **options: Any) -> tuple[str, ledger.Claim]:
    run = await create_run(source, trigger=RunTrigger.API, options=RunOptions(**options), now=datetime.now(UTC))
    claim, _ = await ledger.claim(database, str(run.id), owner="w", lease_s=60, dataset=DATASET)
    return str(run.id), claim


async def test_run_tells_start_and_end(
    database: Database, settings: Settings, environment: RunEnvironment, run_source: Run, tmp_path: Path
) -> None:
    path, log = write_ndjson(tmp_path / "users.ndjson", [user(1)]), tmp_path / "lineage.ndjson"
    telling = RunEnvironment(database=database, settings=to_file(settings, log), owner="test")

    run = await run_source(file_source(path), with_=telling)
    await run_source(file_source(path), with_=telling, dry_run=True)
    delivered = await deliver_lineage(database, telling.settings, now=datetime.now(UTC) + LATER)

    assert delivered == 2
    assert told(log) == [("etl.crm", "START"), ("etl.crm", "COMPLETE")]
    last = json.loads(log.read_text().splitlines()[1])
    assert last["inputs"][0]["name"] == str(path)
    assert last["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == run.counts.inserted == 1


@pytest.mark.parametrize("end", ["fail", "cancel", "reap", "remove"])
async def test_every_end_is_told(database: Database, settings: Settings, tmp_path: Path, end: str) -> None:
    run_id, claim = await claimed(database)
    await ledger.release(database, claim, Checkpoint(), error=None, not_before=None)
    claim, _ = await ledger.claim(database, run_id, owner="w2", lease_s=60, dataset=DATASET)
    match end:
        case "fail":
            await ledger.fail(database, claim, Checkpoint(), error="broken")
        case "cancel":
            await ledger.cancel(database, run_id)
        case "reap":
            await database.etl_runs.update_one(
                {}, {"$set": {"lease_expires_at": datetime(2000, 1, 1, tzinfo=UTC)}}
            )
            await tick(database, {}, now=datetime.now(UTC), max_attempts=1)
        case _:
            await ledger.release(database, claim, Checkpoint(), error=None, not_before=None)
            await tick(database, {}, now=datetime.now(UTC) + LATER, max_attempts=9)

    await deliver_lineage(database, to_file(settings, tmp_path / "log"), now=datetime.now(UTC) + LATER)

    expected = "FAIL" if end in {"fail", "reap"} else "ABORT"
    assert told(tmp_path / "log") == [("etl.crm", "START"), ("etl.crm", expected)]


async def test_run_that_never_started_tells_nothing(database: Database) -> None:
    run = await create_run("crm", trigger=RunTrigger.API, options=RunOptions(), now=datetime.now(UTC))

    cancelled = await ledger.cancel(database, str(run.id))

    assert (cancelled.state, cancelled.lineage) == (RunState.CANCELLED, None)


async def test_run_without_a_receiver_tells_nothing(
    database: Database, settings: Settings, run_source: Run, tmp_path: Path
) -> None:
    run = await run_source(file_source(write_ndjson(tmp_path / "users.ndjson", [user(1)])))

    assert run.lineage is None
    assert await deliver_lineage(database, settings, now=datetime.now(UTC) + LATER) == 0


async def test_refused_event_holds_back_the_later_ones_of_its_run_only(
    database: Database, settings: Settings
) -> None:
    """The receiver refuses the first START; the other run goes on, and the order within the run stays."""
    for source in ("crm", "hr"):
        _, claim = await claimed(database, source)
        await ledger.commit(database, claim, Checkpoint(counts=Counts()), ledger.RunResult(watermark=None))
    answers = iter([400, 201, 201, 201, 201])
    now = datetime.now(UTC) + LATER
    async with http_service(lambda _: Answer(status=next(answers))) as service:
        telling = settings.model_copy(update={"lineage_url": service.url})
        first = await deliver_lineage(database, telling, now=now)
        [waiting] = await undelivered_runs()
        second = await deliver_lineage(database, telling, now=now + LATER)

    assert (first, second) == (2, 2)
    assert waiting.lineage is not None
    assert (waiting.lineage.error, waiting.lineage.attempts) == ("status 400", 1)
    assert await undelivered_runs() == []


async def test_receiver_that_is_down_is_tried_once_a_tick(database: Database, settings: Settings) -> None:
    for source in ("crm", "hr"):
        await claimed(database, source)
    async with http_service(lambda _: Answer(status=503)) as service:
        telling = settings.model_copy(update={"lineage_url": service.url})
        delivered = await deliver_lineage(database, telling, now=datetime.now(UTC) + LATER)

    assert (delivered, len(service.queries)) == (0, 1)


async def test_end_that_is_written_during_a_delivery_is_delivered(database: Database, settings: Settings) -> None:
    _, claim = await claimed(database)
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_: object) -> None:
        arrived.set()
        await go_on.wait()

    now = datetime.now(UTC) + LATER
    async with http_service(lambda _: Answer(status=201), hold=hold) as service:
        telling = settings.model_copy(update={"lineage_url": service.url})
        delivering = asyncio.create_task(deliver_lineage(database, telling, now=now))
        await arrived.wait()
        await ledger.commit(database, claim, Checkpoint(), ledger.RunResult(watermark=None))
        meanwhile = await deliver_lineage(database, telling, now=now)
        go_on.set()
        first = await delivering

    assert (meanwhile, first) == (0, 2)


async def test_stuck_events_are_counted_and_retried_or_skipped(database: Database, settings: Settings) -> None:
    run_id, _ = await claimed(database)
    broken = settings.model_copy(update={"lineage_url": "http://127.0.0.1:1/lineage"})
    now = datetime.now(UTC)
    for _ in range(STUCK_AFTER):
        now += LATER
        await deliver_lineage(database, broken, now=now)

    [waiting] = await undelivered_runs()
    stuck = await lineage_backlog(database, now=now)
    retried = await retry_lineage(database, now=now, actor="cli:ada")
    skipped = await skip_lineage(database, run_id, actor="cli:ada")

    assert waiting.lineage is not None
    assert waiting.lineage.error == "no connection"
    assert (stuck.runs, stuck.stuck) == (1, 1)
    assert stuck.oldest_s is not None
    assert stuck.oldest_s > 3600
    assert (retried, skipped) == (1, 1)
    run = await EtlRun.find_one()
    assert run is not None
    assert run.lineage is not None
    assert [event.state for event in run.lineage.events] == [LineageState.SKIPPED]
    actions = [entry["action"] async for entry in database.audit_log.find({}, sort=[("at", 1)])]
    assert actions == ["lineage.retry", "lineage.skip"]
    with pytest.raises(NotFoundError):
        await skip_lineage(database, run_id, actor="cli:ada")
