"""SCIM providers: the real scim2-server in its own process, and providers with less than that."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from docustore.database import Database
from docustore.embedded.ports import free_port
from docustore.errors import SourceContentError, SourceRejectedError
from docustore.etl.models import RunState, Window
from docustore.etl.sources.registry import open_source, source_by_address
from docustore.source_settings import SourceSettings
from tests.http_service import Answer, Query, http_service
from tests.integration.etl.conftest import Run, user
from tests.upstreams.services import ScimUpstream, scim_user
from tests.waiting import until

TOKEN = "provider-token"
START = datetime(2026, 1, 1, tzinfo=UTC)
SINCE = Window(since=START + timedelta(days=3), until=START + timedelta(days=5))


class Provider:
    """A client of the real provider, for its users."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx2.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"})

    async def create(self, number: int) -> str:
        record = scim_user(user(number))
        response = await self.client.post(
            "/Users", json={k: v for k, v in record.items() if k not in {"id", "meta"}}
        )
        assert response.status_code == 201, response.text
        identity: str = response.json()["id"]
        return identity

    async def patch(self, identity: str, **values: Any) -> None:
        operation = {"op": "replace", "value": values}
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
        response = await self.client.patch(f"/Users/{identity}", json=body)
        assert response.is_success, response.text

    def settings(self, **fields: Any) -> SourceSettings:
        url = self.url.replace("http://", "scim+http://")
        return SourceSettings(kind="scim", url=url, **{"token": TOKEN, "page_size": 2, **fields})

    async def answers(self) -> bool:
        try:
            return (await self.client.get("/Users")).is_success
        except httpx2.TransportError:
            return False


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """The real scim2-server, in a process of its own."""
    port = free_port()
    command = str(Path(sys.executable).with_name("scim2-server"))
    process = await asyncio.create_subprocess_exec(
        command,
        "--port",
        str(port),
        "--bearer-token",
        TOKEN,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    real = Provider(f"http://127.0.0.1:{port}")
    async with real.client:
        try:
            await until(real.answers, what="scim2-server answers")
            yield real
        finally:
            process.terminate()
            await process.wait()


async def read(settings: SourceSettings, window: Window | None = None) -> list[dict[str, Any]]:
    async with open_source("idp", settings, page_size=2) as source:
        await source.clock()
        pages = source.pages(window or Window(), after=None)
        return [json.loads(raw) async for page in pages for raw in page.records]


async def test_runs_follow_the_changes_of_a_real_provider(
    provider: Provider, database: Database, run_source: Run
) -> None:
    ids = [await provider.create(number) for number in range(5)]
    await next_second()
    first = await run_source(provider.settings(), name="idp")
    # Every user is newer than the watermark less the lag. Only the change makes one differ.
    await provider.patch(ids[1], name={"givenName": "New", "familyName": "Name"}, active=False)
    await next_second()
    second = await run_source(provider.settings(), name="idp")

    assert (first.state, first.counts.inserted) == (RunState.SUCCEEDED, 5), first.error
    assert (second.state, second.counts.updated, second.counts.unchanged) == (RunState.SUCCEEDED, 1, 4)
    stored = await database.users.find_one({"identities.key": f"idp:{ids[1]}"})
    assert stored is not None
    assert (stored["first_name"], stored["status"], stored["email"]) == ("New", "inactive", "user1@example.org")


async def test_real_provider_filters(provider: Provider) -> None:
    await provider.create(1)
    now = datetime.now(UTC)

    assert (
        await read(provider.settings(), Window(since=now + timedelta(days=1), until=now + timedelta(days=2))) == []
    )
    assert len(await read(provider.settings(), Window(since=now - timedelta(days=1)))) == 1


async def test_real_provider_refuses_a_wrong_token(provider: Provider) -> None:
    with pytest.raises(SourceRejectedError, match="answered 401"):
        await read(provider.settings(token="hunter2"))


async def next_second() -> None:
    """Wait for the next second: a run reads what was changed before the second in which it starts."""
    start = int(time.time())

    async def is_later() -> bool:
        return int(time.time()) > start

    await until(is_later, what="the next second")


@pytest.fixture
async def small() -> AsyncIterator[ScimUpstream]:
    upstream = ScimUpstream()
    await upstream.start()
    await upstream.put([user(n, modified_at=(START + timedelta(days=n)).isoformat()) for n in range(7)])
    yield upstream
    await upstream.stop()


@pytest.mark.parametrize("is_filtering", [True, False])
async def test_provider_that_ignores_the_filter(small: ScimUpstream, *, is_filtering: bool) -> None:
    small.is_filtering = is_filtering

    rows = await read(small.settings(page_size=2), SINCE)

    assert [row["id"] for row in rows] == [3, 4]


async def test_provider_that_refuses_the_filter(small: ScimUpstream) -> None:
    def answer(query: Query) -> Answer:
        return Answer(status=400) if "filter" in query else small.answer(query)

    async with http_service(answer) as service:
        settings = SourceSettings(kind="scim", url=service.url.removesuffix("/users"), page_size=2)
        rows = await read(settings, SINCE)

    assert [row["id"] for row in rows] == [3, 4]


async def test_total_that_shrinks_is_noticed(small: ScimUpstream) -> None:
    """A user moved to a page that was read already."""

    def answer(query: Query) -> Answer:
        if query["startIndex"] == "3":
            small.records.pop(0, None)
        return small.answer(query)

    async with http_service(answer) as service:
        settings = SourceSettings(kind="scim", url=service.url, page_size=2)
        with pytest.raises(SourceContentError, match="had 7 records in all, then 6"):
            await read(settings)


async def test_no_users_have_no_list() -> None:
    """RFC 7644 lets a provider leave it out."""
    async with http_service(lambda _: Answer({"totalResults": 0})) as service:
        assert await read(SourceSettings(kind="scim", url=service.url)) == []


async def test_answer_without_users_is_refused() -> None:
    async with http_service(lambda _: Answer({"totalResults": 7})) as service:
        with pytest.raises(SourceContentError, match='"Resources"'):
            await read(SourceSettings(kind="scim", url=service.url))


async def test_bad_user_costs_only_itself(run_source: Run) -> None:
    body = (
        b'{"totalResults": 2, "Resources": [{"id": "a", "x": NaN}, %s]}' % json.dumps(scim_user(user(2))).encode()
    )

    async with http_service(lambda _: Answer(body)) as service:
        run = await run_source(SourceSettings(kind="scim", url=service.url))

    assert (run.state, run.counts.inserted, run.counts.quarantined) == (RunState.SUCCEEDED, 1, 1), run.error


@pytest.mark.parametrize("path", ["", "/scim/v2", "/scim/v2/", "/scim/v2/Users"])
async def test_address_of_a_provider(path: str) -> None:
    async with http_service(lambda _: Answer({"totalResults": 0}), by_request=True) as service:
        address = service.url.replace("http://", "scim+http://").removesuffix("/users") + path
        name, settings = source_by_address(address, required=("email",))
        await read(settings)

    assert name == f"127-0-0-1-{service.port}"
    assert {request.path for request in service.requests} == {f"{path.rstrip('/').removesuffix('/Users')}/Users"}
