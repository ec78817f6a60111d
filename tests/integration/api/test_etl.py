import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.api.pagination import Position, encode_cursor
from docustore.config import Settings
from docustore.database import Database
from docustore.etl import ledger
from docustore.etl.models import EtlRun, RunTrigger
from docustore.queue import QUEUE_NAME, open_queue
from tests.integration.api.conftest import Client

START = datetime(2026, 1, 1, tzinfo=UTC)


async def test_trigger_returns_the_path_of_the_run(api: Client, api_settings: Settings) -> None:
    response = await api.post("/etl/trigger", json={"source": "crm", "full": True})

    run = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/etl/runs/{run['id']}"
    assert (run["source"], run["trigger"], run["state"], run["options"]["full"]) == ("crm", "api", "due", True)
    assert (await api.get(response.headers["location"])).json() == run
    async with open_queue(api_settings) as queue:
        [job] = [job for job in await queue.zrange(QUEUE_NAME, 0, -1) if f"run:{run['id']}:".encode() in job]
        # The queue is shared with other tests, and no worker runs here: remove the job.
        await queue.zrem(QUEUE_NAME, job)


async def test_triggers_of_one_source_are_one_run(api: Client, database: Database) -> None:
    """Ten clicks are one run; a run with other options is another one."""
    answers = await asyncio.gather(*(api.post("/etl/trigger", json={"source": "crm"}) for _ in range(10)))
    other = await api.post("/etl/trigger", json={"source": "crm", "full": True})

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await database["etl_runs"].count_documents({}) == 2
    assert other.json()["id"] != answers[0].json()["id"]


async def test_trigger_starts_a_waiting_run(api: Client, database: Database) -> None:
    """A run that waits after a transient failure starts when a person asks for it."""
    run = (await api.post("/etl/trigger", json={"source": "crm"})).json()
    await database["etl_runs"].update_one({}, {"$set": {"not_before": START + timedelta(days=9999)}})

    again = (await api.post("/etl/trigger", json={"source": "crm"})).json()

    stored = await database["etl_runs"].find_one({})
    assert again["id"] == run["id"]
    assert stored is not None
    assert stored["not_before"] is None


async def test_trigger_of_a_busy_source_names_its_run(api: Client, database: Database) -> None:
    run = (await api.post("/etl/trigger", json={"source": "crm"})).json()
    await ledger.claim(database, run["id"], owner="w", lease_s=60)

    answer = await api.post("/etl/trigger", json={"source": "crm"})

    assert answer.status_code == 409
    assert run["id"] in answer.json()["detail"]
    assert await database["etl_runs"].count_documents({}) == 1


async def test_unknown_source_is_404_with_known_sources(api: Client, database: Database) -> None:
    response = await api.post("/etl/trigger", json={"source": "hr"})

    assert response.status_code == 404
    assert "crm" in response.json()["detail"]
    assert await database["etl_runs"].count_documents({}) == 0


@pytest.mark.parametrize("body", [{}, {"source": 5}, {"source": "crm", "since": "x"}, []])
async def test_invalid_trigger_is_422(api: Client, body: Any) -> None:
    assert (await api.post("/etl/trigger", json=body)).status_code == 422


async def test_runs_are_paged_latest_first(api: Client) -> None:
    for number in range(7):
        moment = START + timedelta(hours=number // 2)
        source = "crm" if number % 2 else "hr"
        await EtlRun(source=source, trigger=RunTrigger.CLI, created_at=moment).insert()

    found, cursor = [], None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/etl/runs", params=params)).json()
        found += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break

    times = [run["created_at"] for run in found]
    assert (len({run["id"] for run in found}), times) == (7, sorted(times, reverse=True))
    only = (await api.get("/etl/runs?source=crm&state=due")).json()["items"]
    assert [run["source"] for run in only] == ["crm"] * 3


async def test_forged_cursor_is_refused(api: Client) -> None:
    """The checksum is no secret: a client can create a valid one."""
    position = Position(at=START, id="no-object-id")
    forged = encode_cursor(position, query=("runs", None, None))

    answer = await api.get("/etl/runs", params={"cursor": forged})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "cursor_invalid")
