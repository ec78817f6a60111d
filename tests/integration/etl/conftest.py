"""Fixtures that run the ETL."""

import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.etl.models import EtlRun, RunOptions, RunTrigger
from docustore.etl.run import RunEnvironment, execute_run
from docustore.etl.schedule import create_run
from docustore.source_settings import SourceSettings

Run = Callable[..., Awaitable[EtlRun]]


def user(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "email": f"user{number}@example.org",
        "first_name": "User",
        "last_name": str(number),
        "modified_at": "2026-01-01T00:00:00Z",
        **fields,
    }


def write_ndjson(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def file_source(path: Path, **fields: Any) -> SourceSettings:
    return SourceSettings(kind="file", url=str(path), **fields)


@pytest.fixture
def environment(database: Database, settings: Settings) -> RunEnvironment:
    return RunEnvironment(database=database, settings=settings, owner="test")


@pytest.fixture
def run_source(environment: RunEnvironment) -> Run:
    """Run a source once: `await run_source(source, full=True)`."""

    async def run(
        source: SourceSettings,
        *,
        name: str = "crm",
        with_: RunEnvironment | None = None,
        again: str | None = None,
        **options: Any,
    ) -> EtlRun:
        if again is not None:
            return await execute_run(again, source, with_ or environment)
        entered = await create_run(
            name, trigger=RunTrigger.CLI, options=RunOptions(**options), now=datetime.now(UTC)
        )
        return await execute_run(str(entered.id), source, with_ or environment)

    return run
