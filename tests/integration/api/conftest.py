"""The API in the test process, on an empty database, with a key of each scope."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from litestar import Litestar

from docustore.api.app import running_on, settings_state
from docustore.config import Settings
from docustore.database import Database
from docustore.queue import Queue
from docustore.security.api_keys import create_key
from docustore.security.key_ring import Credential, KeyRing
from docustore.security.models import Scope
from docustore.security.sessions import start_session
from docustore.source_settings import SourceSettings
from tests.unconnected_app import unconnected_app

Client = AsyncClient


@asynccontextmanager
async def started(app: Litestar) -> AsyncIterator[None]:
    """Run the lifespan of the application in one separate task.

    The set-up and the teardown of a fixture run in two different tasks.
    """
    ready, done = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            ready.set()
            await done.wait()

    task = asyncio.create_task(live())
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if not task.done():
            yield
    finally:
        done.set()
        await task


@pytest.fixture
def api_settings(settings: Settings) -> Settings:
    source = SourceSettings(kind="file", url="/nowhere.ndjson")
    return settings.model_copy(update={"sources": {"crm": source}})


@pytest.fixture(scope="session")
def application() -> Litestar:
    """The application without its connections.

    To make one takes longer than most tests. Only its request metrics outlive a test.
    """
    return unconnected_app()


@pytest.fixture
async def anonymous(
    database: Database, api_settings: Settings, application: Litestar, queue: Queue
) -> AsyncIterator[Client]:
    """A client without a key.

    The application uses the connections of the session: to open its own ones takes longer than most tests.
    """
    application.state.update(settings_state(api_settings))
    transport = ASGITransport(app=application, raise_app_exceptions=False)
    async with (
        running_on(application, database, queue),
        AsyncClient(transport=transport, base_url="http://api.test") as client,
    ):
        yield client


@pytest.fixture
async def keys(anonymous: Client) -> dict[Scope, str]:
    # At once, so that they wait for the majority together.
    made = await asyncio.gather(*(create_key(name=scope.value, scope=scope) for scope in Scope))
    return {new.record.scope: new.key for new in made}


@pytest.fixture
async def api(anonymous: Client, keys: dict[Scope, str]) -> Client:
    """A client with a key of scope `write`."""
    anonymous.headers["authorization"] = f"Bearer {keys[Scope.WRITE]}"
    return anonymous


async def create(api: Client, email: str = "ada@example.org", **fields: Any) -> dict[str, Any]:
    response = await api.post("/users", json={"email": email, **fields})
    assert response.status_code == 201, response.text
    return response.json()


@pytest.fixture
def make_user(api: Client) -> Any:
    async def made(email: str = "ada@example.org", **fields: Any) -> dict[str, Any]:
        return await create(api, email, **fields)

    return made


async def signed_in(key: str, *, ring: KeyRing) -> str:
    principal = await ring.principal_of(Credential(key, is_session=False))
    return (await start_session(key=key, principal=principal)).token
