"""Collections of another MongoDB."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from bson import Binary, Decimal128, Int64, ObjectId, Regex

from docustore.database import Database
from docustore.errors import ConfigurationError
from docustore.etl.models import RunState, Window
from docustore.etl.run import RunEnvironment
from docustore.etl.sources.registry import open_source, source_by_address
from docustore.source_settings import SourceSettings
from tests.conftest import Servers
from tests.integration.etl.conftest import Run, user
from tests.upstreams.mongodb import LEAKS, MongodbUpstream

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERYTHING = Window(until=datetime(2027, 1, 1, tzinfo=UTC))


@pytest.fixture
async def people(servers: Servers) -> AsyncIterator[MongodbUpstream]:
    upstream = MongodbUpstream(servers.mongodb_url)
    await upstream.start()
    yield upstream
    await upstream.close()


def users(count: int) -> list[dict[str, Any]]:
    return [user(n, modified_at=(START + timedelta(days=n)).isoformat()) for n in range(count)]


async def read(settings: SourceSettings, window: Window = EVERYTHING) -> list[dict[str, Any]]:
    async with open_source("crm", settings, page_size=2) as source:
        await source.clock()
        return [json.loads(raw) async for page in source.pages(window, after=None) for raw in page.records]


async def test_runs_follow_the_changes_of_a_collection(
    people: MongodbUpstream, database: Database, run_source: Run
) -> None:
    await people.put(users(5))
    first = await run_source(people.settings())
    await people.put([user(1, first_name="New", modified_at=datetime.now(UTC).isoformat())])
    second = await run_source(people.settings())

    assert (first.state, first.counts.inserted) == (RunState.SUCCEEDED, 5)
    assert (second.state, second.counts.read, second.counts.updated) == (RunState.SUCCEEDED, 1, 1)
    assert await database.users.count_documents({"first_name": "New"}) == 1


@pytest.mark.parametrize("modified", [None, "modified_at"])
async def test_ids_of_different_types_are_all_read(people: MongodbUpstream, modified: str | None) -> None:
    """`$gt` finds only ids of the type of the last one; the others would be lost silently."""
    ids = [None, 1, 2.5, Int64(7), "a", "b", {"x": 1}, ObjectId(), UUID(int=1).bytes, True, START]
    await people.collection.insert_many(
        [{"_id": each, "n": n, "modified_at": START} for n, each in enumerate(ids)]
    )

    rows = await read(people.settings(modified=modified))

    assert sorted(row["n"] for row in rows) == list(range(len(ids)))


@pytest.mark.parametrize("value", [None, "2026-01-05", 7])
async def test_document_without_a_time_is_read_by_every_run(people: MongodbUpstream, value: object) -> None:
    """It may be new."""
    await people.put(users(3))
    await people.collection.insert_many([{"_id": 7, "modified_at": value}, {"_id": 8}, {"_id": 9}])
    since = Window(since=START + timedelta(days=2), until=EVERYTHING.until)

    assert [row["id"] for row in await read(people.settings(), since)] == [7, 8, 9, 2]


async def test_types_of_bson_become_json(people: MongodbUpstream) -> None:
    identity = ObjectId()
    document = {
        "_id": identity,
        "meta": {"changed": datetime(2026, 7, 1, 10, 0, 0, 250_000, tzinfo=UTC)},
        "n": Int64(7),
        "pay": Decimal128("7.50"),
        "bad": Decimal128("NaN"),
        "raw": Binary(b"\xff", 0),
        "refs": [identity],
    }
    await people.collection.insert_one(document)

    [row] = await read(people.settings(modified="meta.changed"))

    assert row == {
        "id": str(identity),
        "modified_at": "2026-07-01T10:00:00.250000Z",
        "meta": {"changed": "2026-07-01T10:00:00.250000Z"},
        "n": 7,
        "pay": 7.5,
        "bad": None,
        "raw": "/w==",
        "refs": [str(identity)],
    }


async def test_document_that_is_no_json_costs_only_itself(
    people: MongodbUpstream, database: Database, run_source: Run
) -> None:
    await people.put(users(3))
    await people.collection.update_one({"_id": 1}, {"$set": {"x": Regex("secret"), "far": START}})
    await people.collection.update_one({"_id": 1}, [{"$set": {"modified_at": {"$toDate": Int64(10**15)}}}])

    run = await run_source(people.settings(modified=None))

    assert (run.state, run.counts.inserted, run.counts.quarantined) == (RunState.SUCCEEDED, 2, 1)
    [entry] = await database.etl_quarantine.find().to_list()
    assert entry["errors"][0]["code"] == "not_json"
    assert "secret" not in entry["raw"]


async def test_own_id_of_a_document_is_kept(people: MongodbUpstream) -> None:
    await people.collection.insert_one({"_id": ObjectId(), "external_id": "x7"})

    assert await read(people.settings(modified=None)) == [{"external_id": "x7"}]


@pytest.mark.filterwarnings(LEAKS)
async def test_server_that_goes_away_puts_the_run_off(
    people: MongodbUpstream, run_source: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docustore.etl.sources.mongodb.TIMEOUT_MS", 200)
    await people.put(users(3))
    await people.stop()
    put_off = await run_source(people.settings())
    await people.start()
    resumed = await run_source(people.settings(), again=str(put_off.id))

    assert (put_off.state, resumed.state) == (RunState.DUE, RunState.SUCCEEDED)
    assert "source crm is unavailable" in (put_off.error or "")
    assert resumed.counts.inserted == 3


async def test_wrong_password_is_final_and_not_shown(people: MongodbUpstream, run_source: Run) -> None:
    await people.put(users(1))
    url = people.settings().url
    password = url.split("@")[0].rpartition(":")[2]

    run = await run_source(people.settings().model_copy(update={"url": url.replace(f":{password}@", ":hunter2@")}))

    assert run.state is RunState.FAILED
    assert "refuses the account" in (run.error or "")
    assert "hunter2" not in (run.error or "")


async def test_address_that_the_driver_refuses() -> None:
    settings = SourceSettings(kind="mongodb", url="mongodb://me:hunter2@host:port/hr.people")

    with pytest.raises(ConfigurationError, match="the driver refuses the address") as caught:
        await read(settings)

    assert "hunter2" not in str(caught.value)


async def test_collection_is_read_by_its_address(people: MongodbUpstream) -> None:
    await people.put(users(3))

    name, settings = source_by_address(people.settings().url, required=("email",))

    assert name.endswith("-people")
    assert [row["id"] for row in await read(settings)] == [0, 1, 2]


@pytest.mark.parametrize("page_size", [1, 1000])
async def test_live_run_reads_changes_and_deletions(
    people: MongodbUpstream, database: Database, run_source: Run, environment: RunEnvironment, page_size: int
) -> None:
    settings = environment.settings.model_copy(update={"etl_batch_size": page_size})
    paged = replace(environment, settings=settings)
    source = people.settings(modified=None, live=True)
    await people.put(users(3))
    first = await run_source(source, with_=paged)
    await people.put([user(1, first_name="New", modified_at=datetime.now(UTC).isoformat()), user(7)])
    await people.collection.delete_one({"_id": 2})
    second, third = await run_source(source, with_=paged), await run_source(source, with_=paged)

    assert (first.state, first.counts.inserted) == (RunState.SUCCEEDED, 3)
    assert (second.counts.read, second.counts.inserted, second.counts.updated) == (3, 1, 1), second.error
    assert (second.counts.deactivated, third.state, third.counts.read) == (1, RunState.SUCCEEDED, 0)
    assert await database.users.count_documents({"status": "active"}) == 3


async def test_lost_position_leads_to_a_full_read(
    people: MongodbUpstream, database: Database, run_source: Run
) -> None:
    source = people.settings(modified=None, live=True)
    await people.put(users(3))
    await run_source(source)
    remembered = await database.etl_memories.find_one({"_id": "crm"})
    data = json.loads((remembered or {})["memory"]["token"])["_data"]
    # The same position, months before the start of the oplog.
    older = json.dumps({"_data": f"82{int(data[2:10], 16) - 10_000_000:08X}{data[10:]}"})
    await database.etl_memories.update_one({"_id": "crm"}, {"$set": {"memory.token": older}})

    again, later = await run_source(source), await run_source(source)

    assert (again.state, again.counts.read) == (RunState.SUCCEEDED, 3)
    assert (later.state, later.counts.read) == (RunState.SUCCEEDED, 0)


async def test_interrupted_live_run_continues(people: MongodbUpstream) -> None:
    source = people.settings(modified=None, live=True)
    await people.put(users(3))
    async with open_source("crm", source, page_size=2) as first:
        pages = [page async for page in first.pages(EVERYTHING, after=None)]
        rest = [page async for page in first.pages(EVERYTHING, after=pages[0].resume)]
        memory = first.to_remember()
    assert [page.first for page in rest] == [3]
    await people.put([user(n) for n in range(5)])

    async with open_source("crm", source, page_size=2) as second:
        second.recall(memory or {})
        pages = [page async for page in second.pages(EVERYTHING, after=None)]
        rest = [page async for page in second.pages(EVERYTHING, after=pages[0].resume)]

    assert [len(page.records) for page in pages] == [2, 2, 1]
    assert [page.first for page in rest] == [3, 5]


async def test_end_of_the_collection_is_an_error(people: MongodbUpstream, run_source: Run) -> None:
    source = people.settings(modified=None, live=True)
    await people.put(users(1))
    await run_source(source)
    await people.collection.drop()
    await people.put(users(2))

    run = await run_source(source)

    assert run.state is RunState.FAILED
    assert "the collection ended (drop)" in (run.error or "")
    assert (await run_source(source, full=True)).state is RunState.SUCCEEDED
