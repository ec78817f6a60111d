"""Transient errors of MongoDB in the middle of a run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from bson import json_util
from pymongo import AsyncMongoClient, MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from docustore.config import Settings
from docustore.database import Client, Database
from docustore.etl.models import RunState, Window
from docustore.etl.run import RunEnvironment
from docustore.etl.sources.registry import SOURCES
from docustore.etl.sources.source import Page, Source
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson

CURSOR_NOT_FOUND = 43
# Above the 101 documents of a first batch, so that a cursor has a second one.
USERS = 200


class CursorKiller(CommandListener):
    """Kills the cursor of a collection's first `getMore` before the driver sends it."""

    def __init__(self, mongodb_url: str, collection: str) -> None:
        self._url = mongodb_url
        self._collection = collection
        self.was_killed = False
        self.codes: list[int] = []

    def started(self, event: CommandStartedEvent) -> None:
        if self.was_killed or event.command_name != "getMore" or event.command["collection"] != self._collection:
            return
        self.was_killed = True
        with MongoClient[dict[str, Any]](self._url) as client:
            cursors = [event.command["getMore"]]
            client[event.database_name].command("killCursors", self._collection, cursors=cursors)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        self.codes.append(event.failure.get("code", 0))


@asynccontextmanager
async def killing_cursor(settings: Settings, collection: str) -> AsyncIterator[tuple[Database, CursorKiller]]:
    """Open the database through a client that loses one cursor of a collection."""
    killer = CursorKiller(settings.mongodb_url or "", collection)
    client: Client = AsyncMongoClient(settings.mongodb_url, tz_aware=True, event_listeners=[killer])
    async with client:
        yield client.get_database(settings.mongodb_database), killer


async def test_cursor_lost_within_a_page_is_retried(
    environment: RunEnvironment, settings: Settings, run_source: Run, tmp_path: Path
) -> None:
    """The whole page is stored again, and each record is counted once."""
    await run_source(file_source(write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(USERS)])))
    later = {"modified_at": "2026-02-01T00:00:00Z", "first_name": "New"}
    path = write_ndjson(tmp_path / "b.ndjson", [user(n, **later) for n in range(USERS)])

    async with killing_cursor(settings, "users") as (database, killer):
        run = await run_source(file_source(path), with_=replace(environment, database=database))

    assert killer.codes == [CURSOR_NOT_FOUND]
    assert (run.state, run.counts.read, run.counts.updated) == (RunState.SUCCEEDED, USERS, USERS)
    assert await environment.database.users.count_documents({"first_name": "New", "version": 2}) == USERS


class StoredSource(Source):
    """A kind that reads a collection, whose cursor may be lost."""

    schemes: ClassVar[frozenset[str]] = frozenset({"test"})
    reads_window: ClassVar[bool] = False
    database: ClassVar[Database]

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, settings: SourceSettings, *, page_size: int) -> AsyncIterator[Self]:
        del name, settings, page_size
        yield cls()

    @classmethod
    def name_of(cls, address: str) -> str:
        del address
        return "stored"

    async def clock(self) -> datetime:
        return datetime.now(UTC)

    async def pages(self, window: Window, *, after: str | None) -> AsyncIterator[Page]:
        del window
        done = int(after or 0)
        async for row in self.database["upstream"].find({"id": {"$gt": done}}, {"_id": 0}, sort=[("id", 1)]):
            yield Page(records=[json_util.dumps(row).encode()], first=row["id"], resume=str(row["id"]))


async def test_cursor_lost_by_a_source_puts_the_run_off(
    environment: RunEnvironment, settings: Settings, run_source: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next attempt resumes after all pages that the source had delivered."""
    upstream = environment.database["upstream"]
    await upstream.insert_many([user(n) for n in range(1, USERS + 1)])
    monkeypatch.setitem(SOURCES, SourceKind.FILE, StoredSource)
    source = SourceSettings(kind="file", url="test://upstream")

    async with killing_cursor(settings, "upstream") as (StoredSource.database, killer):
        put_off = await run_source(source)
        resumed = await run_source(source, again=str(put_off.id))

    assert killer.codes == [CURSOR_NOT_FOUND]
    assert put_off.state is RunState.DUE
    assert 0 < put_off.checkpoint.counts.inserted < USERS
    assert (resumed.state, resumed.counts.read, resumed.counts.inserted) == (RunState.SUCCEEDED, USERS, USERS)
