"""SQL sources on SQLite."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from docustore.errors import SourceUnavailableError
from docustore.etl.models import Window
from docustore.etl.sources.registry import open_source, source_by_address
from tests.integration.etl.sql_tables import execute, read, users
from tests.upstreams.sql import SqliteUpstream


async def test_texts_of_sqlite(tmp_path: Path) -> None:
    """SQLite has no type for times; the texts are in the zone of the settings."""
    upstream = SqliteUpstream(tmp_path)
    await execute(
        upstream,
        "CREATE TABLE staff (code TEXT PRIMARY KEY, doc JSON, changed DATETIME)",
        "INSERT INTO staff VALUES ('a', '{\"x\": 1}', '2026-07-01 12:00:00')",
        "INSERT INTO staff VALUES ('b', 'broken', '2026-07-02 12:00:00')",
        "INSERT INTO staff VALUES ('c', NULL, 'soon')",
    )
    settings = upstream.settings(table="staff", modified="changed", zone="Europe/Berlin")
    upstream.close()

    rows = await read(settings, Window(until=datetime(2026, 7, 2, 10, tzinfo=UTC)))

    assert rows == [
        {
            "id": "a",
            "code": "a",
            "doc": {"x": 1},
            "changed": "2026-07-01 12:00:00",
            "modified_at": "2026-07-01T10:00:00Z",
        }
    ]


async def test_sqlite_is_not_changed(tmp_path: Path) -> None:
    upstream = SqliteUpstream(tmp_path)
    await upstream.create()
    upstream.close()
    async with open_source("crm", upstream.settings(), page_size=2) as source:
        await source.clock()
        reader = source._reader  # type: ignore[attr-defined]
        with pytest.raises(sa.exc.OperationalError, match="readonly"), reader._engine.connect() as connection:
            connection.execute(sa.text("DELETE FROM people"))


async def test_locked_sqlite_is_transient(tmp_path: Path) -> None:
    upstream = SqliteUpstream(tmp_path)
    await upstream.create()
    settings = upstream.settings()
    locked = settings.model_copy(update={"url": f"{settings.url}?timeout=0.05"})
    with upstream.engine.connect() as holder:
        holder.execute(sa.text("BEGIN EXCLUSIVE"))
        with pytest.raises(SourceUnavailableError):
            await read(locked)
    upstream.close()


async def test_table_is_read_by_its_address(tmp_path: Path) -> None:
    upstream = SqliteUpstream(tmp_path)
    await upstream.create()
    await upstream.put(users(3))
    upstream.close()

    name, settings = source_by_address(f"sqlite:///{tmp_path / 'people.db'}#people", required=("email",))

    assert (name, [row["id"] for row in await read(settings)]) == ("people", [0, 1, 2])
