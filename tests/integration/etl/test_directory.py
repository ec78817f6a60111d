"""The real user directory, twice: 2023, then 2026."""

import gzip
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.etl.models import EtlRun, RunState
from docustore.etl.run import RunEnvironment
from docustore.source_settings import SourceSettings
from tests.integration.etl.conftest import Run, file_source
from tests.listening import assert_consistent, listening

DATA = Path(__file__).parents[4] / "shared" / "data"
FILES = [DATA / f"contributors-{year}.ndjson.gz" for year in (2023, 2026)]
NOT_COMPARED = {"_id": 0, "updated_at": 0, "version": 0, "cause": 0}

pytestmark = [
    pytest.mark.directory,
    pytest.mark.skipif(not FILES[0].is_file(), reason="the files of the real user directory are missing"),
]


def directory_source(path: Path) -> SourceSettings:
    # Between 2023 and 2026 a third of the people left: more than a run may deactivate by itself.
    return file_source(path, required=("email",), limits={"max_deactivated_pct": 100})


def is_complete(run: EtlRun) -> bool:
    assert run.state is RunState.SUCCEEDED, run.error
    return run.counts.is_balanced and run.counts.read > 0


async def test_leavers_of_three_years_wait_for_a_person(database: Database, run_source: Run) -> None:
    before, after = (file_source(path, required=("email",)) for path in FILES)
    await run_source(before)

    held = await run_source(after)

    assert (held.state, held.needs_approval) == (RunState.FAILED, True)
    assert "deactivated (limit" in (held.error or "")


async def content(database: Database) -> list[dict[str, Any]]:
    return await database.users.find({}, NOT_COMPARED).sort("email").to_list()


async def test_incremental_run_on_the_real_directory(database: Database, run_source: Run) -> None:
    before, after = (directory_source(path) for path in FILES)

    first = await run_source(before)
    again = await run_source(before)
    second = await run_source(after)
    second_again = await run_source(after)

    assert all(is_complete(run) for run in (first, again, second, second_again))
    assert again.counts.unchanged + again.counts.quarantined == again.counts.read
    assert second_again.counts.unchanged + second_again.counts.quarantined == second_again.counts.read
    emails = {user["email"] for user in await content(database)}
    assert len(emails) == await database.users.count_documents({})
    assert first.counts.inserted + second.counts.inserted == len(emails)


async def test_listener_turns_the_directory_into_history(
    database: Database, settings: Settings, run_source: Run
) -> None:
    """Each write has one row of history; a full aggregation confirms the marts."""
    async with listening(database, settings):
        for path in FILES:
            assert is_complete(await run_source(directory_source(path)))
        applied = await wait_until_applied(database)

    writes = sum([user["version"] async for user in database.users.find({}, {"version": 1})])
    assert applied == writes == await database.user_history.count_documents({})
    await assert_consistent(database)


async def test_file_order_and_batch_size_do_not_matter(
    database: Database, run_source: Run, environment: RunEnvironment, tmp_path: Path
) -> None:
    for path in FILES:
        await run_source(directory_source(path))
    forwards = await content(database)
    await database.users.delete_many({})

    lines = [line for path in FILES for line in _lines(path)]
    random.Random(7).shuffle(lines)
    shuffled = tmp_path / "shuffled.ndjson"
    shuffled.write_bytes(b"".join(lines))
    odd = environment.settings.model_copy(update={"etl_batch_size": 333, "etl_batches_in_flight": 5})
    await run_source(
        directory_source(shuffled),
        with_=RunEnvironment(database=database, settings=odd, owner="odd"),
    )

    assert await content(database) == forwards


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as stream:
        yield from stream
