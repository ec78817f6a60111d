"""The progress of a run as server-sent events."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.database import Database
from docustore.errors import TooManyReadersError
from docustore.etl import ledger
from docustore.etl.models import Checkpoint, Counts, RunOptions, RunTrigger
from docustore.etl.run_events import EventReaders
from docustore.etl.run_progress import RunPhase, RunProgress
from docustore.etl.schedule import create_run
from tests.integration.api.conftest import Client

EVENTS = {"accept": "text/event-stream"}


def parsed(text: str) -> list[tuple[str, int, dict[str, Any]]]:
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
    return found


async def running(database: Database) -> tuple[str, ledger.Claim]:
    run = await create_run("crm", trigger=RunTrigger.API, options=RunOptions(), now=datetime.now(UTC))
    claim, _ = await ledger.claim(database, str(run.id), owner="w", lease_s=60)
    return str(run.id), claim


async def test_stream_shows_each_change_and_ends_with_the_final_state(database: Database) -> None:
    run_id, claim = await running(database)
    events = EventReaders().follow(run_id, last_id=7, poll_s=0.01)

    first = await anext(events)
    step = RunProgress(phase=RunPhase.READING, done=5, total=10, unit="bytes", per_s=1.0, eta_s=5.0)
    counted = Checkpoint(counts=Counts(read=3, unchanged=3), progress=step)
    await ledger.save_checkpoint(database, claim, counted, lease_s=60)
    second = await anext(events)
    await ledger.commit(database, claim, counted, ledger.RunResult(watermark=None))
    rest = [event async for event in events]

    found = parsed(b"".join([first, second, *rest]).decode())
    assert [(name, number) for name, number, _ in found] == [("progress", 8), ("progress", 9), ("finished", 10)]
    assert found[1][2]["progress"]["eta_s"] == 5.0
    assert (found[2][2]["state"], found[2][2]["counts"]["read"], found[2][2]["progress"]) == ("succeeded", 3, None)


async def test_finished_run_is_one_event(api: Client, database: Database) -> None:
    run_id, claim = await running(database)
    await ledger.commit(database, claim, Checkpoint(), ledger.RunResult(watermark=None))

    response = await api.get(f"/etl/runs/{run_id}", headers={**EVENTS, "last-event-id": "3"})

    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-accel-buffering"] == "no"
    [(name, number, run)] = parsed(response.text)
    assert (name, number, run["id"]) == ("finished", 4, run_id)


@pytest.mark.parametrize("last", ["x", "-1", "9" * 30])
async def test_malformed_id_of_the_last_event_is_named(api: Client, last: str) -> None:
    response = await api.get("/etl/runs/6b0363a2c8e7e03b5a434154", headers={**EVENTS, "last-event-id": last})

    assert response.status_code == 400
    assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [("/Last-Event-ID", "wrong_type")]


async def test_unknown_run_is_a_problem_and_no_stream(api: Client) -> None:
    response = await api.get("/etl/runs/6b0363a2c8e7e03b5a434154", headers=EVENTS)

    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


async def test_number_of_readers_is_limited(database: Database) -> None:
    """A stream that ends makes room."""
    run_id, claim = await running(database)
    readers = EventReaders(limit=1)
    events = readers.follow(run_id, poll_s=0.01)
    await anext(events)

    with pytest.raises(TooManyReadersError):
        readers.require_room()
    await ledger.commit(database, claim, Checkpoint(), ledger.RunResult(watermark=None))
    async with asyncio.timeout(60):
        assert len([event async for event in events]) == 1
    readers.require_room()
