"""Servers and databases of the test suite: real ones, started here, thrown away afterwards."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.document_models import open_database
from docustore.embedded.servers import embedded_servers
from indexes.apply import apply_indexes


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    mongodb_url: str
    redis_url: str


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """The replica set and Valkey of the whole session; servers of your own save a second per session."""
    mongodb_url = os.environ.get("DOCUSTORE_TEST_MONGODB_URL")
    redis_url = os.environ.get("DOCUSTORE_TEST_REDIS_URL")
    if mongodb_url and redis_url:
        yield Servers(mongodb_url=mongodb_url, redis_url=redis_url)
        return
    async with embedded_servers(tmp_path_factory.mktemp("servers")) as own:
        yield Servers(mongodb_url=own.mongodb_url, redis_url=own.redis_url)


@pytest.fixture
def settings(servers: Servers, tmp_path: Path) -> Settings:
    """Settings that name a database nobody else uses."""
    return Settings(
        mongodb_url=servers.mongodb_url,
        redis_url=servers.redis_url,
        mongodb_database=f"test_{uuid4().hex[:12]}",
        data_dir=tmp_path,
    )


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """A fresh database with our indexes, dropped afterwards."""
    async with open_database(settings, app_name="docustore-tests") as fresh:
        await apply_indexes(fresh)
        yield fresh
        await fresh.client.drop_database(fresh.name)
