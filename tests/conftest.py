"""Servers and databases of the test suite.

The servers are real ones. The session starts them and removes them at its end.
"""

import asyncio
import gc
import os
import re
import shutil
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
import structlog
from xdist.remote import Producer

from docustore.config import Settings
from docustore.database import Database, connect
from docustore.document_models import DOCUMENT_MODELS, bind_models
from docustore.embedded.servers import embedded_servers
from docustore.queue import Queue, open_queue
from tests.database_pool import DatabasePool
from tests.forks import FORKS
from tests.scheduling import FileScheduling, processes
from tests.upstreams.postgresql import PostgresServer, binaries, postgres_server

# No deadline: the duration of an example depends on the machine. The examples are the same in every run, so that
# only a change of the code can make a test fail. `HYPOTHESIS_PROFILE=explore` generates new examples.
SLOW_MACHINE = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("repeat", deadline=None, derandomize=True, suppress_health_check=SLOW_MACHINE)
hypothesis.settings.register_profile(
    "explore", deadline=None, max_examples=2000, suppress_health_check=SLOW_MACHINE
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))
# The default also shows the variables of every frame of a logged error, which takes seconds.
PLAIN = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], PLAIN])
# The settings in a developer's environment must not change the result of a test.
for _name in [name for name in os.environ if re.fullmatch(r"DOCUSTORE_(?!TEST_).*", name)]:
    del os.environ[_name]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what collection makes out of garbage collection.

    It lives until the end of the process. To look through it takes a fifth of the collection, and a second of each
    test that collects garbage.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return processes()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduling:
    return FileScheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
async def fork_server() -> AsyncIterator[None]:
    """End the process that runs programs, if a test has started it."""
    yield
    await FORKS.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The account of `mongodb_root_url` may do everything; the service does not use it."""

    mongodb_url: str
    mongodb_root_url: str
    redis_url: str


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """The replica set and Valkey of the whole session."""
    folder = tmp_path_factory.mktemp("servers")
    async with embedded_servers(folder) as own:
        yield Servers(mongodb_url=own.mongodb_url, mongodb_root_url=own.mongodb_root_url, redis_url=own.redis_url)
    # Where a test has failed, pytest keeps the folder: the logs are of use, the data are only large.
    for data in ("mongod", "valkey"):
        await asyncio.to_thread(shutil.rmtree, folder / data)


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
    own, root = (Settings(mongodb_url=url) for url in (servers.mongodb_url, servers.mongodb_root_url))
    async with connect(own, app_name="docustore-tests") as database, connect(root, app_name="pool") as owner:
        pool = DatabasePool(database.client, owner.client["local"]["oplog.rs"])
        yield pool
        await pool.drop_all()


@pytest.fixture(scope="session")
def session_settings(servers: Servers) -> Settings:
    """What the settings of all tests have in common."""
    return Settings(
        mongodb_url=servers.mongodb_url,
        redis_url=servers.redis_url,
        # All tests share one client address and one Valkey. Tests of limits turn them on.
        auth_failures_per_min=0,
        password_writes_per_min=0,
        searches_per_min=0,
        exports_per_min=0,
        queries_per_min=0,
    )


@pytest.fixture(scope="session")
async def queue(session_settings: Settings) -> AsyncIterator[Queue]:
    async with open_queue(session_settings) as queue:
        yield queue


@pytest.fixture
async def settings(
    request: pytest.FixtureRequest, session_settings: Settings, database_pool: DatabasePool, tmp_path: Path
) -> AsyncIterator[Settings]:
    """Settings with a database that no other test uses at the same time.

    Without the fixture `database`, the database does not exist.
    """
    is_prepared = "database" in request.fixturenames
    name = await database_pool.take() if is_prepared else database_pool.new()
    yield session_settings.model_copy(update={"mongodb_database": name, "data_dir": tmp_path})
    if is_prepared:
        database_pool.give_back(name)
    else:
        await database_pool.drop(name)


@pytest.fixture(scope="session")
async def bound_models(database_pool: DatabasePool) -> None:
    """Make the models once; a test only moves them to its database."""
    await bind_models(database_pool.client.get_database(database_pool.new()))


@pytest.fixture
def database(settings: Settings, database_pool: DatabasePool, bound_models: None) -> Database:
    """An empty database with the declared indexes, with the models bound to it."""
    # The client of the session: every new one would compute the keys of the password, for 20 ms.
    empty = database_pool.client.get_database(settings.mongodb_database)
    for model in DOCUMENT_MODELS:
        model.set_database(empty)
        model.set_collection(empty[str(model.get_collection_name())])
    return empty
