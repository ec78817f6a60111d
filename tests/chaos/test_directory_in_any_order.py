"""The real user directory in two orders gives the same `dim_user`."""

from collections import defaultdict
from typing import Any

import pytest

from docustore.changes.status import wait_until_applied
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.etl.models import RunOptions, RunTrigger
from docustore.etl.run import RunEnvironment, execute_run
from docustore.etl.schedule import create_run
from tests.chaos.scale import IS_FULL
from tests.integration.etl.test_directory import FILES, directory_source
from tests.listening import listening

pytestmark = [
    pytest.mark.directory,
    pytest.mark.skipif(not IS_FULL, reason="part of `make chaos`"),
    pytest.mark.skipif(not FILES[0].is_file(), reason="the files of the real user directory are missing"),
]
LOADS = [(source, year) for year in (0, 1) for source in ("crm", "hr")]


async def test_order_of_files_does_not_matter_to_dim_user(database: Database, settings: Settings) -> None:
    """Equal rows are of one user: the address is among the attributes."""
    forwards = await rows_after(database, settings, LOADS)
    for name in await database.list_collection_names(filter={"type": "collection"}):
        if not name.startswith("system."):
            await database[name].delete_many({})

    backwards = await rows_after(database, settings, LOADS[::-1])

    assert len(forwards) > 10_000
    assert backwards == forwards


async def rows_after(database: Database, settings: Settings, loads: list[tuple[str, int]]) -> list[str]:
    environment = RunEnvironment(database=database, settings=settings, owner="test")
    async with listening(database, settings):
        await wait_until_applied(database)
        for source, year in loads:
            run = await create_run(source, trigger=RunTrigger.CLI, options=RunOptions(full=True), now=now_utc())
            done = await execute_run(str(run.id), directory_source(FILES[year]), environment)
            assert done.error is None
        await wait_until_applied(database)
    spans: dict[Any, list[str]] = defaultdict(list)
    async for row in database.dim_user.find({}, {"_id": 0, "recorded_at": 0}).sort("valid_from", 1):
        spans[row.pop("user_id")].append(repr(sorted(row.items())))
    return sorted("\n".join(rows) for rows in spans.values())
