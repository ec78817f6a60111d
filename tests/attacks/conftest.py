"""Attacks on the API.

They come from strangers, from keys with too small a scope, and from broken clients.

A class of attack that concerns one feature is tested beside it, in `tests/integration/api`: generated requests
(`test_openapi_conformance`), brute force and sessions, bodies that stop or trickle, addresses of other clients,
reused idempotency keys, pages during writes (`test_lists`).
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from docustore.config import Settings
from docustore.document_models import open_database
from docustore.security.api_keys import create_key
from docustore.security.models import Scope
from indexes.apply import apply_indexes
from tests.api_process import ApiProcess
from tests.conftest import Servers
from tests.integration.api.conftest import anonymous, api, api_settings, application, keys

__all__ = ["anonymous", "api", "api_settings", "application", "keys"]
PROCESSES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """Two processes of the API on one database: each process has caches of its own."""

    processes: list[ApiProcess]
    key: str


@pytest.fixture(scope="session")
async def attacked(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Attacked]:
    """The real server, started once: attacks on HTTP must pass its parser."""
    folder = tmp_path_factory.mktemp("attacked")
    settings = Settings(
        mongodb_url=servers.mongodb_url,
        redis_url=servers.redis_url,
        mongodb_database=f"attacked_{uuid4().hex[:12]}",
        data_dir=folder,
    )
    async with open_database(settings, app_name="docustore-tests") as database, AsyncExitStack() as programs:
        await apply_indexes(database)
        new = await create_key(name="writer", scope=Scope.WRITE)
        processes = [ApiProcess(settings, folder / f"api{n}.log", programs) for n in range(PROCESSES)]
        for process in processes:
            await process.start()
        yield Attacked(processes=processes, key=new.key)
        await database.client.drop_database(settings.mongodb_database)


@pytest.fixture
async def process(attacked: Attacked) -> ApiProcess:
    return attacked.processes[0]


@pytest.fixture
async def writers(attacked: Attacked) -> AsyncIterator[list[AsyncClient]]:
    """A client of each process, with a key of scope `write`."""
    headers = {"authorization": f"Bearer {attacked.key}"}
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(AsyncClient(base_url=each.url, headers=headers, timeout=60))
            for each in attacked.processes
        ]


@pytest.fixture
async def writer(writers: list[AsyncClient]) -> AsyncClient:
    return writers[0]


@pytest.fixture
def email() -> str:
    """A new address, because all tests share one database."""
    return f"{uuid4().hex}@example.org"
