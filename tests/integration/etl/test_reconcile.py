"""A source that is compared with the store."""

from pathlib import Path
from typing import Any

from docustore.config import Settings
from docustore.database import Database
from docustore.etl.guards.reconcile import Finding, Reconciliation, reconcile
from docustore.source_settings import SourceSettings
from tests.http_service import Answer, http_service
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson

LATER = {"modified_at": "2026-02-01T00:00:00Z"}


async def compared(database: Database, settings: Settings, source: SourceSettings) -> Reconciliation:
    before = await database.users.find().sort("_id").to_list()
    found = await reconcile(database, "crm", source, settings)
    assert await database.users.find().sort("_id").to_list() == before
    return found


async def test_every_kind_of_drift_is_found(
    database: Database, settings: Settings, run_source: Run, tmp_path: Path
) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(6)])
    source = file_source(path)
    await run_source(source)
    equal = await compared(database, settings, source)
    records: list[dict[str, Any]] = [
        user(0),
        user(1, first_name="Newer", **LATER),
        {"id": 2, "deleted": True, **LATER},
        user(3, email="broken"),
        user(7),
        user(8, email="user0@example.org"),
    ]
    write_ndjson(path, records)

    found = await compared(database, settings, source)

    assert (equal.is_equal, equal.findings) == (True, {Finding.SAME: 6})
    assert (found.is_equal, found.read) == (False, 6)
    assert found.keys == {
        Finding.DIFFERENT: ["crm:1", "crm:2"],
        Finding.REJECTED: ["crm:3"],
        Finding.MISSING: ["crm:7", "crm:8"],
        Finding.GONE: ["crm:4", "crm:5"],
    }


async def test_change_after_the_watermark_is_pending(
    database: Database, settings: Settings, run_source: Run
) -> None:
    """It was not missed: the next run reads it. An older one was missed."""
    served = [user(1)]

    def answer(_: object) -> Answer:
        return Answer({"users": served, "next_cursor": None, "server_time": "2026-11-01T12:00:00Z"})

    async with http_service(answer) as service:
        source = SourceSettings(kind="http", url=service.url)
        await run_source(source)
        served += [user(2, modified_at="2026-11-01T12:00:00Z"), user(3)]

        found = await compared(database, settings, source)

    assert found.keys == {Finding.PENDING: ["crm:2"], Finding.MISSING: ["crm:3"]}
