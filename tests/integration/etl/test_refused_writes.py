"""Writes that MongoDB refuses for a reason that is not transient."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from docustore.database import Database
from docustore.etl.models import RunState
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson


@pytest.fixture
async def refusing(database: Database) -> AsyncIterator[None]:
    """A text index that reads the status as a language, which it does not know."""
    await database.users.create_index([("first_name", "text")], name="refusing", language_override="status")
    yield
    await database.users.drop_index("refusing")


@pytest.mark.usefixtures("refusing")
async def test_refused_write_fails_the_run_with_its_code(run_source: Run, tmp_path: Path) -> None:
    """The driver's error quotes every document: keep it out of ledger and log."""
    source = file_source(write_ndjson(tmp_path / "a.ndjson", [user(1), user(2)]))

    with capture_logs() as logged:
        run = await run_source(source)

    assert run.state is RunState.FAILED
    assert run.error == "MongoDB refused a page (server code 17262): look at the server's log, then run again"
    assert "user1@example.org" not in str(logged)
