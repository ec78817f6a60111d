"""Servers and databases of the test suite.

The servers are real ones. The session starts them and removes them at its end.
"""

import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest

from docustore.config import Settings
from docustore.database import Client, Database, connect
from docustore.document_models import bind_models
from docustore.embedded.servers import embedded_servers
from indexes.apply import apply_indexes
from indexes.declared import COLLECTIONS, DECLARED
from tests.forks import FORKS
from tests.upstreams.postgresql import PostgresServer, binaries, postgres_server

# No deadline: the duration of an example depends on the machine. The examples are the same in every run, so that
# only a change of the code can make a test fail. `HYPOTHESIS_PROFILE=explore` generates new examples.
SLOW_MACHINE = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("repeat", deadline=None, derandomize=True, suppress_health_check=SLOW_MACHINE)
hypothesis.settings.register_profile(
    "explore", deadline=None, max_examples=2000, suppress_health_check=SLOW_MACHINE
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))
# The settings in a developer's environment must not change the result of a test.
for _name in [name for name in os.environ if re.fullmatch(r"DOCUSTORE_(?!TEST_).*", name)]:
    del os.environ[_name]
OUR_INDEXES = {
    collection.name: {"_id_", *(index.document["name"] for index in collection.indexes)}
    for collection in COLLECTIONS
}
WITH_VALIDATOR = {collection.name for collection in COLLECTIONS if collection.validator}
OUR_VIEWS = {declaration.name for declaration in DECLARED} - OUR_INDEXES.keys()


@pytest.fixture(scope="session", autouse=True)
async def fork_server() -> AsyncIterator[None]:
    """End the process that runs programs, if a test has started it."""
    yield
    await FORKS.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    mongodb_url: str
    redis_url: str


class DatabasePool:
    """Databases that are emptied and reused.

    A new database for every test would take ten times as long, and MongoDB would open thousands of files.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._free: list[str] = []
        self._all: list[str] = []

    def new(self) -> str:
        self._all.append(f"test_{uuid4().hex[:12]}")
        return self._all[-1]

    def take(self) -> str:
        return self._free.pop() if self._free else self.new()

    async def give_back(self, name: str) -> None:
        database = self.client[name]
        found = [each async for each in await database.list_collections()]
        # A view first: the server's own collection of views goes with the last one.
        # A declared view has no documents of its own, and stays.
        for view in (each["name"] for each in found if each["type"] == "view" and each["name"] not in OUR_VIEWS):
            await database[view].drop()
        for collection in (each for each in found if each["type"] == "collection"):
            own, options = collection["name"], collection["options"]
            if own.startswith("system."):
                continue
            has_own_validator = options.get("validator") and own not in WITH_VALIDATOR
            indexes = set(await database[own].index_information())
            if indexes == OUR_INDEXES.get(own) and not has_own_validator:
                await database[own].delete_many({})
            else:
                # The collection is not declared, or a test added or changed an index or a validator of it. Such an
                # index can survive under another name, so drop the collection.
                await database[own].drop()
        self._free.append(name)

    async def drop_all(self) -> None:
        for name in self._all:
            await self.client.drop_database(name)


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """The replica set and Valkey of the whole session.

    Servers that you start yourself, set by DOCUSTORE_TEST_*, save about a second per session.
    """
    mongodb_url = os.environ.get("DOCUSTORE_TEST_MONGODB_URL")
    redis_url = os.environ.get("DOCUSTORE_TEST_REDIS_URL")
    if mongodb_url and redis_url:
        yield Servers(mongodb_url=mongodb_url, redis_url=redis_url)
        return
    async with embedded_servers(tmp_path_factory.mktemp("servers")) as own:
        yield Servers(mongodb_url=own.mongodb_url, redis_url=own.redis_url)


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[PostgresServer]:
    """A PostgreSQL server of the whole session; tests that stop it must start it again."""
    bin_folder = binaries()
    if bin_folder is None:
        pytest.skip("PostgreSQL is not installed: the programs initdb and postgres are missing")
    async with postgres_server(bin_folder) as server:
        yield server


@pytest.fixture(scope="session")
async def database_pool(servers: Servers) -> AsyncIterator[DatabasePool]:
    async with connect(Settings(mongodb_url=servers.mongodb_url), app_name="docustore-tests") as database:
        pool = DatabasePool(database.client)
        yield pool
        await pool.drop_all()


@pytest.fixture
async def settings(
    request: pytest.FixtureRequest, servers: Servers, database_pool: DatabasePool, tmp_path: Path
) -> AsyncIterator[Settings]:
    """Settings with a database that no other test uses at the same time.

    Without the fixture `database`, the database does not exist.
    """
    name = database_pool.take() if "database" in request.fixturenames else database_pool.new()
    yield Settings(
        mongodb_url=servers.mongodb_url,
        redis_url=servers.redis_url,
        mongodb_database=name,
        data_dir=tmp_path,
        # All tests share one client address and one Valkey. Tests of limits turn them on.
        auth_failures_per_min=0,
        password_writes_per_min=0,
        searches_per_min=0,
        exports_per_min=0,
        queries_per_min=0,
    )
    await database_pool.give_back(name)


@pytest.fixture
async def database(settings: Settings, database_pool: DatabasePool) -> Database:
    """An empty database with the declared indexes, with the models bound to it."""
    # The client of the session: every new one would compute the keys of the password, for 20 ms.
    empty = database_pool.client.get_database(settings.mongodb_database)
    await bind_models(empty)
    # Repeat until in sync: the first round only hides an undeclared index of an earlier test, the next one
    # drops it.
    while not (await apply_indexes(empty, prune=True)).is_in_sync:
        pass
    return empty
