"""The users that a run writes say which run it was."""

from pathlib import Path

from docustore.database import Database
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson


async def test_users_name_the_run_that_changed_them(database: Database, run_source: Run, tmp_path: Path) -> None:
    """A user that a run does not change keeps the cause of the run before."""
    path = tmp_path / "a.ndjson"
    first = await run_source(file_source(write_ndjson(path, [user(1), user(2)])))
    changed = user(2, first_name="New", modified_at="2026-02-01T00:00:00Z")

    second = await run_source(file_source(write_ndjson(path, [user(1), changed])), full=True)

    assert (second.counts.unchanged, second.counts.updated) == (1, 1)
    causes = [found["cause"] async for found in database.users.find().sort("email", 1)]
    assert causes == [
        {"actor": "etl:crm", "run_id": str(first.id)},
        {"actor": "etl:crm", "run_id": str(second.id)},
    ]
