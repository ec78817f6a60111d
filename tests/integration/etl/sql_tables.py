"""Tables of SQL upstreams, and what a source reads from them."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from docustore.etl.models import Window
from docustore.etl.sources.registry import open_source
from docustore.source_settings import SourceSettings
from tests.integration.etl.conftest import user
from tests.upstreams.sql import PostgresUpstream, SqliteUpstream

START = datetime(2026, 1, 1, tzinfo=UTC)


def users(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [user(n, modified_at=(START + timedelta(days=n)).isoformat(), **fields) for n in range(count)]


async def execute(upstream: PostgresUpstream | SqliteUpstream, *statements: str) -> None:
    def work() -> None:
        with upstream.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    await asyncio.to_thread(work)


async def read(settings: SourceSettings, window: Window | None = None) -> list[dict[str, Any]]:
    async with open_source("crm", settings, page_size=2) as source:
        clock = await source.clock()
        assert abs(clock - datetime.now(UTC)) < timedelta(minutes=5)
        pages = source.pages(window or Window(until=clock), after=None)
        return [json.loads(raw) async for page in pages for raw in page.records]
