"""A run says how far it is while it runs."""

import asyncio
from pathlib import Path

from docustore.database import Database
from docustore.etl import ledger
from docustore.etl.models import EtlRun, RunState, Window
from docustore.etl.run_progress import RunPhase
from docustore.etl.run_record import shown_run
from docustore.etl.sources.file import FileSource
from docustore.etl.sources.registry import open_source
from docustore.source_settings import SourceSettings
from tests.http_service import Answer, Query, http_service
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson
from tests.waiting import until


async def test_checkpoint_shows_phase_and_total(database: Database, run_source: Run) -> None:
    go_on = asyncio.Event()

    def answer(query: Query) -> Answer:
        is_second = query.get("cursor") == "c1"
        users, cursor = ([user(2)], None) if is_second else ([user(1)], "c1")
        return Answer({"users": users, "next_cursor": cursor, "total": 2})

    async def hold(query: Query) -> None:
        if query.get("cursor"):
            await go_on.wait()

    async def has_progress() -> bool:
        run = await database.etl_runs.find_one({"checkpoint.progress.done": 1})
        return run is not None

    async with http_service(answer, hold=hold) as service:
        running = asyncio.create_task(run_source(SourceSettings(kind="http", url=service.url, timeout_s=60)))
        await until(has_progress)
        during = shown_run(await EtlRun.find_one()).progress
        go_on.set()
        run = await running

    assert during is not None
    assert (during.phase, during.done, during.total, during.unit) == (RunPhase.READING, 1, 2, "records")
    assert run.state is RunState.SUCCEEDED
    assert shown_run(await ledger.get_run(str(run.id))).progress is None


async def test_file_is_measured_in_bytes(tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "users.ndjson", [user(number) for number in range(5)])

    async with open_source("crm", file_source(path), page_size=2) as source:
        assert isinstance(source, FileSource)
        extents = [page.extent async for page in source.pages(Window(), after=None)]

    size = path.stat().st_size
    assert [extent.total for extent in extents if extent is not None] == [size] * 3
    assert extents[-1] is not None
    assert extents[-1].done == size
