"""The benchmarks compare implementations that do the same work."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from pydantic import SecretStr

from benchmarks import api, reads, search
from benchmarks.http_load import UnexpectedResponseError, requests_per_s
from benchmarks.peers import fastapi_app
from benchmarks.population import populate
from docustore.analytics.marts import read_marts
from docustore.analytics.pipelines import marts_from_groups, marts_pipeline
from docustore.api.app import create_app
from docustore.config import Settings
from docustore.database import Database
from tests.integration.api.conftest import started

USERS = 60
KEY = "key-of-the-comparison"


@pytest.fixture
async def populated(database: Database) -> Database:
    await populate(database, users=USERS)
    return database


@pytest.fixture
async def ours(populated: Database, settings: Settings) -> AsyncIterator[AsyncClient]:
    app = create_app(settings.model_copy(update={"admin_key": SecretStr(KEY)}))
    headers = {"authorization": f"Bearer {KEY}"}
    transport = ASGITransport(app=app)
    async with (
        started(app),
        AsyncClient(transport=transport, base_url="http://api.test", headers=headers) as client,
    ):
        yield client


@pytest.fixture
async def peer(
    populated: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncClient]:
    monkeypatch.setenv("DOCUSTORE_MONGODB_URL", str(settings.mongodb_url))
    monkeypatch.setenv("DOCUSTORE_MONGODB_DATABASE", settings.mongodb_database)
    app = fastapi_app()
    transport = ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=transport, base_url="http://peer.test") as client,
    ):
        yield client


async def test_peer_answers_the_same_user(ours: AsyncClient, peer: AsyncClient, populated: Database) -> None:
    path = (await api.paths_of(populated, users=USERS)).users[0]

    answers = [(await client.get(path)).json() for client in (ours, peer)]

    assert without_full_name(answers[0]) == answers[1]


async def test_peer_answers_the_same_pages(ours: AsyncClient, peer: AsyncClient, populated: Database) -> None:
    paths = await api.paths_of(populated, users=USERS)
    first, deep = [(await ours.get(path)).json()["items"] for path in (paths.first_page, paths.deep_page)]
    peer_first, peer_deep = [(await peer.get(path)).json() for path in (paths.first_page, paths.deep_skip)]

    assert len(first) == len(deep) == api.PAGE
    assert [without_full_name(user) for user in first] == peer_first
    # The cursor is the position of the middle user, so the page starts with the next user.
    assert [without_full_name(user) for user in deep[:-1]] == peer_deep[1:]


async def test_marts_equal_the_aggregation(populated: Database) -> None:
    groups = await (await populated["users"].aggregate(marts_pipeline())).to_list()

    assert await read_marts(populated) == marts_from_groups(groups)
    assert (await read_marts(populated)).total == USERS


async def test_every_query_is_measured(populated: Database) -> None:
    rows = [*await reads.measure(populated, users=USERS), *await search.measure(populated, users=USERS)]

    assert [row.unit for row in rows] == ["queries/s", "queries/s", "ms", "users/s", "us", "MB"]
    assert all(row.value > 0 for row in rows)


async def test_error_response_fails_the_measurement() -> None:
    """A server that answers errors quickly must not count as fast."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]

        with pytest.raises(UnexpectedResponseError, match="500"):
            await requests_per_s(port, ["/"], headers={})


def without_full_name(user: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in user.items() if name != "full_name"}
