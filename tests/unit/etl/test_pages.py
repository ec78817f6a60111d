"""The order of pages, with a store that answers when a test lets it."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from docustore.errors import LeaseLostError, RunError, SourceUnavailableError
from docustore.etl.batch import BatchResult
from docustore.etl.budget import check_counts
from docustore.etl.context import RunContext
from docustore.etl.models import Checkpoint, Counts, RunOptions
from docustore.etl.pages import Progress, ReadPage, store_pages
from docustore.etl.plan import Outcome
from docustore.etl.sources.source import Page
from docustore.etl.stamps import Stamps
from tests.unit.etl.memory_store import NOW, RULES


class GatedCursor:
    """An empty cursor that waits for its gate."""

    def __init__(self, gate: asyncio.Event | None) -> None:
        self._gate = gate

    async def to_list(self) -> list[dict[str, Any]]:
        if self._gate is not None:
            await self._gate.wait()
        return []

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        for each in await self.to_list():
            yield each


class GatedStore:
    """An empty store that holds each page's reads until its gate opens. A page is known by its first record."""

    def __init__(self) -> None:
        self.gates: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def __getitem__(self, _: str) -> "GatedStore":
        return self

    def find(self, which: dict[str, Any], *_: Any, **__: Any) -> "GatedCursor":
        keys = which.get("identities.key", {}).get("$in", ())
        return GatedCursor(self.gates[keys[0]] if keys else None)

    async def find_one(self, *_: Any) -> None:
        return None


def page(number: int) -> Page:
    record = {"id": number, "email": f"u{number}@example.org", "modified_at": "2026-01-01T00:00:00Z"}
    return Page(records=[json.dumps(record).encode(), b"broken"], first=2 * number - 1, resume=f"mark{number}")


def context(store: GatedStore) -> RunContext:
    database: Any = store
    return RunContext(
        database=database, run_id="run", rules=RULES, options=RunOptions(dry_run=True), stamps=Stamps("etl:crm")
    )


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_checkpoint_waits_for_the_oldest_page() -> None:
    """A checkpoint past an unfinished page would lose that page."""
    store, seen = GatedStore(), list[int]()
    progress = Progress(Checkpoint(), lambda counts: seen.append(counts.read))

    async def pages() -> AsyncIterator[Page]:
        for number in (1, 2, 3):
            yield page(number)

    storing = asyncio.create_task(store_pages(pages(), context(store), progress, in_flight=3))
    store.gates["crm:2"].set()
    store.gates["crm:3"].set()
    await settle()
    assert progress.checkpoint == Checkpoint()
    store.gates["crm:1"].set()
    await storing

    assert seen == [2, 4, 6]
    assert progress.checkpoint.position == "mark3"
    assert progress.checkpoint.counts == Counts(read=6, inserted=3, quarantined=3)
    assert progress.checkpoint.quality == {"/ json_malformed": 3}


@pytest.mark.parametrize("in_flight", [1, 2])
async def test_pages_in_flight_are_bounded(in_flight: int) -> None:
    store, delivered = GatedStore(), list[int]()
    progress = Progress(Checkpoint())

    async def pages() -> AsyncIterator[Page]:
        for number in (1, 2, 3, 4):
            delivered.append(number)
            yield page(number)

    storing = asyncio.create_task(store_pages(pages(), context(store), progress, in_flight=in_flight))
    await settle()

    # One more is read, and waits for the oldest page to finish.
    assert len(delivered) == in_flight + 1
    for number in (1, 2, 3, 4):
        store.gates[f"crm:{number}"].set()
    await storing
    assert progress.checkpoint.position == "mark4"


@pytest.mark.parametrize(
    "error",
    [SourceUnavailableError(source="crm", reason="status 503"), OperationFailure("cursor not found", 43)],
)
async def test_pages_before_a_source_s_failure_count(error: Exception) -> None:
    store = GatedStore()
    progress = Progress(Checkpoint())

    async def pages() -> AsyncIterator[Page]:
        yield page(1)
        yield page(2)
        for number in (1, 2):
            store.gates[f"crm:{number}"].set()
        raise error

    with pytest.raises(type(error)):
        await store_pages(pages(), context(store), progress, in_flight=3)

    assert (progress.checkpoint.position, progress.checkpoint.counts.read) == ("mark2", 4)


async def test_progress_continues_at_a_checkpoint() -> None:
    store = GatedStore()
    store.gates["crm:2"].set()
    start = Checkpoint(position="mark1", counts=Counts(read=2, inserted=2), quality={"/ json_malformed": 1})
    progress = Progress(start)

    async def pages() -> AsyncIterator[Page]:
        yield page(2)

    await store_pages(pages(), context(store), progress, in_flight=1)

    assert progress.checkpoint.counts == Counts(read=4, inserted=3, quarantined=1)
    assert progress.checkpoint.quality == {"/ json_malformed": 2}


def test_record_without_an_outcome_fails_the_run() -> None:
    """Records are counted as read before anything looks into them, so a lost one is noticed."""
    progress = Progress(Checkpoint())
    read = ReadPage(resume="mark", stamp=NOW, read=3)

    progress.advance(read, BatchResult(outcomes=Counter({Outcome.INSERTED: 1}), outside_window=1))

    with pytest.raises(RunError, match="do not add up"):
        check_counts(progress.checkpoint.counts, is_full_read=True, budget_pct=50)


async def test_source_is_closed_when_a_reading_ends_early() -> None:
    """A file or a connection must not wait for the next garbage collection."""
    closed = list[str]()

    async def pages() -> AsyncIterator[Page]:
        try:
            for number in (1, 2):
                yield page(number)
        finally:
            closed.append("closed")

    def stop(_: Counts) -> None:
        raise LeaseLostError

    store = GatedStore()
    for number in (1, 2):
        store.gates[f"crm:{number}"].set()
    with pytest.raises(LeaseLostError):
        await store_pages(pages(), context(store), Progress(Checkpoint(), stop), in_flight=1)

    assert closed == ["closed"]
