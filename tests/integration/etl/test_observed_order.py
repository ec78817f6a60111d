"""Records without modification times: the order in which they are observed."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docustore.database import Database
from docustore.etl.models import EtlRun
from docustore.etl.run import RunEnvironment
from tests.integration.etl.conftest import Run, file_source, write_ndjson
from tests.unit.etl.generated import mapped

ADA = {"id": 1, "email": "ada@example.org", "first_name": "Ada", "last_name": "Lovelace"}
BLOCKED = {**ADA, "status": "blocked"}
GONE = {"id": 1, "deleted": True}


Read = Callable[[Any], Awaitable[EtlRun]]


@pytest.fixture(params=[1, 1000])
def read(request: pytest.FixtureRequest, run_source: Run, environment: RunEnvironment, tmp_path: Path) -> Read:
    """Load some records as one file, in pages of one record and in one page."""
    settings = environment.settings.model_copy(update={"etl_batch_size": request.param})
    with_ = replace(environment, settings=settings)

    async def read(records: Any) -> EtlRun:
        source = file_source(write_ndjson(tmp_path / "people.ndjson", records), required=("email",))
        return await run_source(source, with_=with_)

    return read


@pytest.mark.parametrize(
    ("readings", "status"),
    [
        ([[ADA], [GONE]], "inactive"),
        ([[ADA], [GONE], [ADA]], "active"),
        ([[ADA, GONE], [ADA]], "active"),
        ([[GONE, ADA], [GONE, ADA]], "inactive"),
        ([[ADA, BLOCKED]], "suspended"),
        ([[ADA, BLOCKED], [ADA]], "active"),
        ([[ADA, BLOCKED], [BLOCKED]], "suspended"),
        ([[BLOCKED], [ADA]], "active"),
    ],
)
async def test_later_reading_counts(database: Database, read: Read, readings: Any, status: str) -> None:
    """Within one reading, a tombstone and the more restrictive status count."""
    for records in readings:
        await read(records)

    assert [user["status"] async for user in database.users.find()] == [status]


@pytest.mark.parametrize("records", [[ADA, BLOCKED], [BLOCKED, ADA], [ADA, GONE], [GONE, ADA]])
async def test_same_reading_again_writes_nothing(database: Database, read: Read, records: Any) -> None:
    for _ in range(2):
        await read([ADA])
        await read(records)
    before = await database.users.find().to_list()

    run = await read(records)

    assert await database.users.find().to_list() == before
    assert (run.counts.read, run.counts.unchanged) == (2, 2)


# In the order in which they count.
VERSIONS = sorted(({**ADA, "first_name": name} for name in "ABCDEFGHIJKL"), key=lambda each: mapped(each).hash)
GREATER = {**ADA, "first_name": "M", "tags": ["more"]}


@pytest.mark.parametrize("step", [1, -1])
async def test_more_versions_than_are_remembered(database: Database, read: Read, step: int) -> None:
    """Twelve lines of one identity: the greatest one counts, and reading them again writes nothing."""
    lines = VERSIONS[::step]
    await read(lines)
    before = await database.users.find().to_list()

    again = await read(lines)

    assert [user["first_name"] for user in before] == [VERSIONS[-1]["first_name"]]
    assert await database.users.find().to_list() == before
    assert (again.counts.read, again.counts.unchanged) == (12, 12)


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize(
    ("second", "expected"),
    [(VERSIONS[:11], VERSIONS[10]), (VERSIONS[:2], VERSIONS[1]), ([*VERSIONS, GREATER], GREATER)],
)
async def test_forgotten_versions_count_as_any_others(
    database: Database, read: Read, second: Any, expected: Any, step: int
) -> None:
    """The next reading lacks the greatest version, or has a greater one."""
    await read(VERSIONS)

    for _ in range(2):
        await read(second[::step])

    assert [user["first_name"] async for user in database.users.find()] == [expected["first_name"]]
