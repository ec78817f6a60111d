"""Quarantine entries are closed when their records load."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docustore.database import Database
from docustore.etl import open_entries
from docustore.etl.models import EtlRun
from docustore.etl.run import RunEnvironment
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson

AT, LATER = {"modified_at": "2026-01-05T00:00:00Z"}, {"modified_at": "2026-01-06T00:00:00Z"}
EARLIER = {"modified_at": "2026-01-01T00:00:00Z"}
NO_TIME = {"modified_at": None}
BAD = {"email": "nobody"}


class Loader:
    """Loads records as one file of the source `crm`, one record per page."""

    def __init__(self, run_source: Run, environment: RunEnvironment, path: Path) -> None:
        changed = {"etl_batch_size": 1, "etl_batches_in_flight": 1, "etl_quarantine_budget_pct": 100.0}
        settings = environment.settings.model_copy(update=changed)
        self._run_source = run_source
        self._environment = replace(environment, settings=settings)
        self._path = path

    async def __call__(self, *records: Mapping[str, Any], **options: Any) -> EtlRun:
        source = file_source(write_ndjson(self._path, map(dict, records)))
        return await self._run_source(source, with_=self._environment, **options)


@pytest.fixture
def load(run_source: Run, environment: RunEnvironment, tmp_path: Path) -> Loader:
    return Loader(run_source, environment, tmp_path / "a.ndjson")


@pytest.fixture(params=[open_entries.MAX_HELD, 0])
def _number_held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold the open entries in memory, or none of them, as if they were too many."""
    monkeypatch.setattr(open_entries, "MAX_HELD", request.param)


async def states(database: Database) -> list[str]:
    return [entry["state"] async for entry in database.etl_quarantine.find().sort("first_seen_at")]


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([[user(1, **BAD, **AT)], [user(1, **LATER)]], "resolved"),
        ([[user(1, **BAD, **AT)], [user(1, **AT)]], "resolved"),
        ([[user(1, **BAD, **AT)], [user(1, **EARLIER)]], "open"),
        ([[user(1, **BAD, **AT)], [{"id": 1, "deleted": True, **LATER}]], "resolved"),
        ([[user(1, **BAD, **AT)], [user(2, **LATER)]], "open"),
        ([[user(1, **EARLIER)], [user(1, **BAD, **AT)], [user(1, **EARLIER)]], "open"),
        ([[user(1, **BAD, **AT), user(1, **LATER)]], "resolved"),
        ([[user(1, **LATER), user(1, **BAD, **AT)]], "resolved"),
        ([[user(1, **AT), user(1, **BAD, **LATER)]], "open"),
        ([[user(1, **BAD, **NO_TIME)], [user(1, **NO_TIME)]], "resolved"),
        ([[user(1, **BAD, **NO_TIME)], [user(1, **EARLIER)]], "resolved"),
        ([[user(1, modified_at="soon")], [user(1, **EARLIER)]], "resolved"),
        ([[user(1, modified_at="soon")], [user(1, **EARLIER), user(1, modified_at="soon")]], "open"),
        ([[user(None, email="a@x.org", first_name=5)], [user(None, email="A@x.org")]], "resolved"),
    ],
)
@pytest.mark.usefixtures("_number_held")
async def test_entry_is_closed_by_a_version_that_is_not_older(
    database: Database, load: Loader, readings: list[list[dict[str, Any]]], expected: str
) -> None:
    for records in readings:
        run = await load(*records)

    [entry] = await database.etl_quarantine.find().to_list()
    assert entry["state"] == expected
    assert entry["resolved_by"] == (f"run {run.id}" if expected == "resolved" else None)
    assert (entry["resolved_at"] is not None) is (expected == "resolved")


@pytest.mark.usefixtures("_number_held")
async def test_entry_without_an_identity_is_closed_by_the_same_bytes(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    """The settings did not fit the file, and no field of the record was known."""
    path = tmp_path / "a.csv"
    path.write_text("id;Mail of the person\n;a@x.org\n1;b@x.org\n")
    await run_source(file_source(path, required=("email",), encoding="utf-8"))
    assert await states(database) == ["open", "open"]

    mapped = {"email": "Mail of the person"}
    await run_source(file_source(path, required=("email",), map=mapped))

    assert await states(database) == ["resolved", "resolved"]


async def test_closed_record_that_is_bad_again_is_open_again(database: Database, load: Loader) -> None:
    for record in (user(1, **BAD, **AT), user(1, **AT), user(1, **BAD, **AT)):
        await load(record)

    [entry] = await database.etl_quarantine.find().to_list()
    assert (entry["state"], entry["seen"], entry["resolved_at"]) == ("open", 2, None)


async def test_dry_run_closes_nothing(database: Database, load: Loader) -> None:
    await load(user(1, **BAD, **AT))

    await load(user(1, **LATER), dry_run=True)

    assert await states(database) == ["open"]


async def test_ignored_entry_stays_ignored(database: Database, load: Loader) -> None:
    await load(user(1, **BAD, **AT))
    await database.etl_quarantine.update_one({}, {"$set": {"state": "ignored"}})

    await load(user(1, **LATER))

    assert await states(database) == ["ignored"]
