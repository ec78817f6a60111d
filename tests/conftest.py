"""Servers and databases of the test suite: real ones, started here, thrown away afterwards."""

import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest
from pymongo import AsyncMongoClient

from docustore.config import Settings
from docustore.database import Client, Database
from docustore.document_models import open_database
from docustore.embedded.servers import embedded_servers
from indexes.apply import apply_indexes
from indexes.declared import DECLARED

# How long an example takes says something about the machine, not about the rule. The examples are the same in
# every run, so that only a change can make a test fail; `HYPOTHESIS_PROFILE=explore` looks for new ones.
SLOW_MACHINE = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("repeat", deadline=None, derandomize=True, suppress_health_check=SLOW_MACHINE)
hypothesis.settings.register_profile(
    "explore", deadline=None, max_examples=2000, suppress_health_check=SLOW_MACHINE
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))
# What a developer has set for another purpose must not decide how tests end.
for _name in [name for name in os.environ if re.fullmatch(r"DOCUSTORE_(?!TEST_).*", name)]:
    del os.environ[_name]
OUR_INDEXES = {
    collection.name: {"_id_", *(index.document["name"] for index in collection.indexes)} for collection in DECLARED
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    mongodb_url: str
    redis_url: str


class DatabasePool:
    """Databases that are emptied and used again.

    A new one for every test would leave MongoDB with thousands of files to open, and takes ten times as long.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._free: list[str] = []
        self._all: list[str] = []

    def new(self) -> str:
        self._all.append(f"test_{uuid4().hex[:12]}")
        return self._all[-1]

    def take(self) -> str:
        return self._free.pop() if self._free else self.new()

    async def give_back(self, name: str) -> None:
        database = self._client[name]
        for collection in await database.list_collection_names():
            if set(await database[collection].index_information()) == OUR_INDEXES.get(collection):
                await database[collection].delete_many({})
            else:
                # Not ours, or with an index that a test has made, or has changed: that goes on under another name.
                await database[collection].drop()
        self._free.append(name)

    async def drop_all(self) -> None:
        for name in self._all:
            await self._client.drop_database(name)


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


@pytest.fixture(scope="session")
async def database_pool(servers: Servers) -> AsyncIterator[DatabasePool]:
    client: Client = AsyncMongoClient(servers.mongodb_url)
    async with client:
        pool = DatabasePool(client)
        yield pool
        await pool.drop_all()


@pytest.fixture
async def settings(
    request: pytest.FixtureRequest, servers: Servers, database_pool: DatabasePool, tmp_path: Path
) -> AsyncIterator[Settings]:
    """Settings that name a database nobody else uses meanwhile; without `database`, one that does not exist."""
    name = database_pool.take() if "database" in request.fixturenames else database_pool.new()
    yield Settings(
        mongodb_url=servers.mongodb_url,
        redis_url=servers.redis_url,
        mongodb_database=name,
        data_dir=tmp_path,
    )
    await database_pool.give_back(name)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """An empty database with our indexes; what an earlier test did to them is mended."""
    async with open_database(settings, app_name="docustore-tests") as empty:
        # Again after any change: what an earlier test left undeclared is only hidden the first time.
        while not (await apply_indexes(empty, prune=True)).is_in_sync:
            pass
        yield empty
