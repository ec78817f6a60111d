"""Each incident is alerted once, and its end once; a broken address stops nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from docustore.alerts import UndeliveredError, alert, check_address, send
from docustore.database import Database
from docustore.etl import ledger
from docustore.etl.alert_outbox import (
    GIVE_UP_AFTER,
    deliver_messages,
    enqueue_message,
    messages_by_state,
    retry_messages,
    undelivered,
)
from docustore.etl.incidents import open_incidents
from docustore.etl.models import Checkpoint, Counts, EtlRun, RunOptions, RunTrigger
from docustore.etl.schedule import create_run
from docustore.etl.watch import RUNS_WITH_RECORDS, watch
from docustore.source_settings import SourceSettings
from tests.waiting import PATIENCE_S

SOURCES = {"crm": SourceSettings(kind="http", url="http://127.0.0.1:1/users")}
CLOSED = "http://127.0.0.1:1/hook"


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    bodies: list[dict[str, Any]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        bodies.append(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", bodies


async def finished(
    database: Database, *, error: str | None = None, failure: str | None = None, read: int = 1, **options: Any
) -> EtlRun:
    run = await create_run("crm", trigger=RunTrigger.API, options=RunOptions(**options), now=datetime.now(UTC))
    claim, _ = await ledger.claim(database, str(run.id), owner="w", lease_s=60)
    checkpoint = Checkpoint(counts=Counts(read=read, unchanged=read))
    if error is None:
        await ledger.commit(database, claim, checkpoint, ledger.RunResult(watermark=None))
    else:
        await ledger.fail(database, claim, checkpoint, error=error, failure=failure)
    return run


async def watched(database: Database, *, after: timedelta = timedelta(), is_told: bool = True) -> list[str]:
    """Let some workers watch at the same time, and return the events so far, in order."""
    now = datetime.now(UTC) + after
    await asyncio.gather(*(watch(database, SOURCES, now=now, is_told=is_told) for _ in range(3)))
    messages = database.alert_messages.find({}, sort=[("at", 1), ("_id", 1)])
    return [message["event"] async for message in messages]


async def test_incident_is_told_once_and_its_end_once(database: Database) -> None:
    first = await finished(database, error="broken")
    events = [await watched(database)]
    await finished(database, error="still broken")
    events.append(await watched(database))
    await finished(database)
    events += [await watched(database), await watched(database)]
    await finished(database, error="broken again")
    events.append(await watched(database))

    once, over = ["etl.run_failed"], ["etl.run_failed", "etl.recovered"]
    assert events == [once, once, over, over, [*over, "etl.run_failed"]]
    told = await database.alert_messages.find_one({"event": "etl.run_failed"})
    assert told is not None
    assert (told["body"]["run_id"], told["body"]["error"]) == (str(first.id), "broken")


async def test_exceeded_budget_is_an_incident_of_its_own(database: Database) -> None:
    await finished(database, error="too many", failure="QuarantineBudgetExceededError")

    assert await watched(database) == ["etl.budget_exceeded"]


async def test_run_that_waits_for_an_approval_is_an_incident_of_its_own(database: Database) -> None:
    run = await finished(database, error="run `docustore etl approve`")
    await database.etl_runs.update_one({"_id": run.id}, {"$set": {"needs_approval": True}})

    assert await watched(database) == ["etl.run_held"]


async def test_dry_run_and_failure_that_a_person_watched_tell_nothing(database: Database) -> None:
    run = await finished(database, error="broken")
    await database.etl_runs.update_one({"_id": run.id}, {"$set": {"is_attended": True}})

    assert await watched(database) == []


async def test_source_without_a_success_in_time_is_overdue(database: Database) -> None:
    await finished(database)

    early = await watched(database, after=timedelta(minutes=25))
    late = await watched(database, after=timedelta(hours=3))
    again = await watched(database, after=timedelta(hours=4))
    await database.etl_incidents.update_many({}, {"$set": {"opened_at": datetime.now(UTC)}})
    await finished(database)
    over = await watched(database)

    assert (early, late, again) == ([], ["etl.overdue"], ["etl.overdue"])
    assert sorted(over) == ["etl.overdue", "etl.recovered"]


async def test_paused_source_is_not_overdue(database: Database) -> None:
    await finished(database)
    await database.etl_sources.update_one({"_id": "crm"}, {"$set": {"paused": True}}, upsert=True)

    assert await watched(database, after=timedelta(hours=9)) == []


async def test_no_records_where_there_always_were_some_is_told(database: Database) -> None:
    for _ in range(RUNS_WITH_RECORDS):
        await finished(database, read=3)
    await finished(database, read=0, dry_run=True)
    before = await watched(database)
    for _ in range(2):
        await finished(database, read=0)
        empty = await watched(database)
    await finished(database, read=1)
    over = await watched(database)

    assert (before, empty) == ([], ["etl.no_records"])
    assert sorted(over) == ["etl.no_records", "etl.recovered"]


async def test_source_that_left_out_known_content_is_not_empty(database: Database) -> None:
    """Unchanged files and an answer of 304 read nothing."""
    for _ in range(RUNS_WITH_RECORDS):
        await finished(database, read=3)
    run = await finished(database, read=0)
    await database.etl_runs.update_one({"_id": run.id}, {"$set": {"left_out_known": True}})

    assert await watched(database) == []


async def test_incident_of_a_removed_source_is_closed_silently(database: Database) -> None:
    await finished(database, error="broken")
    await watched(database)

    await watch(database, {}, now=datetime.now(UTC), is_told=True)

    assert await open_incidents(database) == []
    assert await database.alert_messages.count_documents({}) == 1


async def test_nobody_is_told_without_an_address(database: Database) -> None:
    await finished(database, error="broken")

    assert await watched(database, is_told=False) == []
    assert len(await open_incidents(database)) == 1


async def test_delivery_is_retried_for_the_broken_address_only(database: Database) -> None:
    await finished(database, error="broken")
    await watched(database)
    now = datetime.now(UTC)

    async with receiver() as (url, bodies):
        first = await deliver_messages(database, [url, CLOSED], now=now)
        too_early = await deliver_messages(database, [url, CLOSED], now=now)
        [waiting] = await undelivered(database)
        async with receiver() as (other, others):
            repaired = await deliver_messages(database, [url, other], now=now + timedelta(minutes=1))

    assert (first, too_early, repaired) == (0, 0, 1)
    assert [body["event"] for body in (*bodies, *others)] == ["etl.run_failed"] * 2
    broken = [each for each in waiting["deliveries"].values() if each["error"]]
    assert [(each["place"], each["error"]) for each in broken] == [("http://127.0.0.1", "no connection")]


async def test_recovery_comes_after_what_it_ends(database: Database) -> None:
    """Also at an address that was away; the others have it at once."""
    now = datetime.now(UTC)
    soon = now + timedelta(seconds=1)
    await enqueue_message(database, "1:opened", event="etl.overdue", at=now, facts={})
    async with receiver() as (url, bodies), receiver() as (other, late):
        await deliver_messages(database, [url, CLOSED], now=now)
        await enqueue_message(
            database, "1:recovered", event="etl.recovered", at=now + timedelta(seconds=1), facts={}
        )
        await deliver_messages(database, [url, other], now=soon)
        in_between = [body["event"] for body in late]
        for minutes in (1, 2):
            await deliver_messages(database, [url, other], now=now + timedelta(minutes=minutes))

        assert in_between == []
        assert (
            [body["event"] for body in bodies]
            == [body["event"] for body in late]
            == ["etl.overdue", "etl.recovered"]
        )


async def test_message_is_given_up_after_a_day_and_can_be_retried(database: Database) -> None:
    await finished(database, error="broken")
    await watched(database)
    late = datetime.now(UTC) + GIVE_UP_AFTER + timedelta(minutes=1)

    await deliver_messages(database, [CLOSED], now=late)
    given_up = await messages_by_state(database)
    retried = await retry_messages(database, now=late)
    async with receiver() as (url, bodies):
        delivered = await deliver_messages(database, [url], now=late)

    assert given_up == {"pending": 0, "delivered": 0, "failed": 1}
    assert (retried, delivered, len(bodies)) == (1, 1, 1)


async def test_alert_reaches_every_address() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    async with receiver() as (url, bodies):
        taken = await alert([url, url], "listener.stopped", at=now, error="Broken")

    assert taken == 2
    assert bodies == [{"event": "listener.stopped", "at": "2026-11-01T00:00:00Z", "error": "Broken"}] * 2


async def test_unreachable_address_stops_nothing() -> None:
    assert await alert([CLOSED], "etl.run_failed", at=datetime.now(UTC)) == 0


@pytest.mark.parametrize("url", ["http://[::1", "http://", "https://\x00", "http://a b/", "HTTP://127.0.0.1:1/x"])
async def test_malformed_address_stops_nothing(url: str) -> None:
    with pytest.raises(UndeliveredError):
        await send(url, {"event": "etl.overdue", "at": "now"})


async def test_other_addresses_go_through_apprise() -> None:
    """`json://` is apprise's own way to send a POST."""
    async with receiver() as (url, bodies):
        body = {"event": "etl.overdue", "at": "now", "source": "crm"}
        await send(url.replace("http:", "json:"), body, child_timeout_s=PATIENCE_S)

    assert bodies[0]["title"] == "docustore: etl.overdue"
    assert "source: crm" in bodies[0]["message"]


async def test_address_that_no_one_knows_is_said(tmp_path: Path) -> None:
    with pytest.raises(UndeliveredError, match="not an address that apprise knows"):
        await check_address("nonsense://x", child_timeout_s=PATIENCE_S)
    with pytest.raises(UndeliveredError, match="no host"):
        await check_address("http:///x")
