"""Readers of `GET /changes` of a process of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from httpx2 import AsyncClient, Response
from prometheus_client.parser import text_string_to_metric_families

from docustore.database import Database
from docustore.feed.event_parser import EventParser, ServerSentEvent
from tests.conftest import Servers
from tests.integration.api.served import ADMIN_KEY, Served, served
from tests.waiting import PATIENCE_S

STREAM = {"accept": "text/event-stream", "authorization": f"Bearer {ADMIN_KEY}"}


class Stream:
    def __init__(self, response: Response) -> None:
        self.response = response
        self._chunks = response.aiter_bytes()
        self._parser = EventParser()
        self._waiting: list[ServerSentEvent] = []

    async def next(self) -> ServerSentEvent:
        async with asyncio.timeout(PATIENCE_S):
            while not self._waiting:
                self._waiting += self._parser.feed(await anext(self._chunks))
        return self._waiting.pop(0)

    async def next_named(self, name: str) -> tuple[int, dict[str, Any]]:
        while (event := await self.next()).name != name:
            pass
        return int(event.id or ""), json.loads(event.data)

    async def has_ended(self) -> bool:
        async with asyncio.timeout(PATIENCE_S):
            return [chunk async for chunk in self._chunks] == []


@asynccontextmanager
async def stream(client: AsyncClient, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    given = {**STREAM, **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with client.stream("GET", f"/changes{query}", headers=given) as response:
        yield Stream(response)


@asynccontextmanager
async def api_with(
    servers: Servers, database: Database, folder: Path, **settings: str
) -> AsyncIterator[tuple[Served, AsyncClient]]:
    async with (
        served(servers, folder, database=database.name, feed_heartbeat_s="0.2", **settings) as api,
        AsyncClient(base_url=f"http://127.0.0.1:{api.port}", timeout=PATIENCE_S) as client,
    ):
        yield api, client


async def ended(client: AsyncClient, reason: str) -> float:
    exposition = (await client.get("/metrics", headers=STREAM)).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == "docustore_feed_readers_ended_total" and sample.labels == {"reason": reason}
    )
