"""Broken destinations are bounded and told; people see and resolve them."""

from datetime import timedelta
from typing import Any

import pytest

from docustore.cli.checks.outbox import destination_findings, outbox_findings
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.outbox.figures import destination_figures
from docustore.outbox.upkeep import keep_up
from docustore.webhooks.service import enable_webhook
from docustore.webhooks.store import destination_of
from tests.receiving import webhook

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
async def webhook_id(database: Database, local: Settings) -> str:
    return (await webhook(database, local, URL))[0]


async def _keep_up(database: Database, *, max_pending: int = 100) -> list[str]:
    """Return the events of all messages so far."""
    for _ in range(2):
        await keep_up(database, now=now_utc(), max_pending=max_pending, is_told=True)
    return [message["event"] async for message in database["alert_messages"].find(sort=[("at", 1), ("_id", 1)])]


async def _set(database: Database, **fields: Any) -> None:
    await database["outbox_destinations"].update_one({}, {"$set": fields})


async def _disabled(database: Database) -> Any:
    destination = await database["outbox_destinations"].find_one()
    assert destination is not None
    return destination["disabled"] and destination["disabled"]["reason"]


async def _add_rows(database: Database, webhook_id: str, count: int, *, age: timedelta = timedelta()) -> None:
    at = now_utc() - age
    rows = [
        {
            "_id": f"{destination_of(webhook_id)}:{number:015d}",
            "destination": destination_of(webhook_id),
            "number": number,
            "state": "pending",
            "queued_at": at,
            "due_at": at,
        }
        for number in range(1, count + 1)
    ]
    await database["outbox"].insert_many(rows)


async def test_failing_webhook_is_told_once_and_its_recovery_once(database: Database, webhook_id: str) -> None:
    await _set(database, failing_since=now_utc() - timedelta(minutes=5), last_error="status 500")
    soon = await _keep_up(database)
    await _set(database, failing_since=now_utc() - timedelta(hours=1))
    late = await _keep_up(database)
    await _set(database, failing_since=None)
    over = await _keep_up(database)

    assert (soon, late) == ([], ["outbox.destination_failing"])
    assert sorted(over) == ["outbox.destination_failing", "outbox.recovered"]


async def test_webhook_that_fails_for_days_is_disabled(database: Database, webhook_id: str) -> None:
    await _set(database, failing_since=now_utc() - timedelta(days=6), last_error="no connection")
    told = await _keep_up(database)
    reason = await _disabled(database)
    await enable_webhook(database, webhook_id, is_enabled=True, actor="cli:ada")

    assert (told, reason) == (["outbox.destination_disabled"], "failing")
    assert sorted(await _keep_up(database)) == ["outbox.destination_disabled", "outbox.recovered"]


async def test_backlog_is_bounded(database: Database, webhook_id: str) -> None:
    await _add_rows(database, webhook_id, 11)

    assert await _keep_up(database, max_pending=11) == []
    assert await _keep_up(database, max_pending=10) == ["outbox.destination_disabled"]
    assert await _disabled(database) == "backlog"


async def test_webhook_that_a_person_disabled_is_no_incident(database: Database, webhook_id: str) -> None:
    await _set(database, failing_since=now_utc() - timedelta(hours=1))
    await enable_webhook(database, webhook_id, is_enabled=False, actor="cli:ada")

    assert await _keep_up(database) == []


async def test_old_events_are_given_up(database: Database, webhook_id: str) -> None:
    """Also those of a disabled destination: nothing waits for ever."""
    await _add_rows(database, webhook_id, 3, age=timedelta(days=5))
    await enable_webhook(database, webhook_id, is_enabled=False, actor="cli:ada")

    await _keep_up(database)

    rows = await database["outbox"].find().to_list()
    assert {row["state"] for row in rows} == {"failed"}
    assert all(row["expires_at"] > now_utc() + timedelta(days=29) for row in rows)
    [figures] = await destination_figures(database, now=now_utc())
    assert (figures.pending, figures.failed, figures.oldest_s) == (0, 3, None)


async def test_doctor_says_what_to_do(database: Database, local: Settings, webhook_id: str) -> None:
    healthy = await outbox_findings(local)
    await _set(database, failing_since=now_utc(), last_error="status 500")
    failing = await outbox_findings(local)
    await _set(database, is_enabled=False, disabled={"at": now_utc(), "reason": "gone", "seq": 7})
    [gone] = await outbox_findings(local)

    assert [[finding.status for finding in found] for found in (healthy, failing, [gone])] == [
        ["ok"],
        ["warning"],
        ["warning"],
    ]
    assert "after number 7" in gone.seen
    assert f"docustore outbox enable {destination_of(webhook_id)} --replay-missed" in gone.next_step


async def test_doctor_misses_a_handler_that_is_not_installed(database: Database, webhook_id: str) -> None:
    await _set(database, kind="handler")
    found = await destination_figures(database, now=now_utc())

    [missing] = destination_findings(found, handlers=[])

    assert "not installed here" in missing.seen
