"""Scheduled reports: one delivery per slot, retried until it is taken."""

import asyncio
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from docustore.analytics.query.saved.bodies import SavedQueryInput
from docustore.analytics.query.saved.store import REPORTS, SAVED_QUERIES, Writer, remove, save
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import InvalidInputError, SavedQueryInUseError
from docustore.outbox.backoff import MAX_ATTEMPTS, MAX_BEGUN
from docustore.reports.bodies import ReportInput
from docustore.reports.deliveries import DELIVERIES, LEASE, Sent, enter_slot, finish, take
from docustore.reports.schedule import deliver_due, deliver_now, enter_slots
from docustore.reports.store import find_report, remove_report, save_report, set_paused
from docustore.reports.views import report_view
from tests.http_service import Answer
from tests.listening import make_user
from tests.receiving import receiver
from workers import tasks
from workers.tasks import deliver_reports

ADMIN = "cli:ada"
CREATED = datetime(2025, 11, 26, 8, 10, tzinfo=UTC)
SLOT = datetime(2025, 11, 26, 9, tzinfo=UTC)
QUERY = {"query": {"metrics": ["users"], "dimensions": ["role"]}}


@pytest.fixture
async def local(database: Database, settings: Settings) -> Settings:
    """Settings that allow this machine, a saved query, and two users."""
    writer = Writer(actor=ADMIN, is_admin=True)
    given = SavedQueryInput.model_validate(QUERY)
    await save(database, "roles", given, writer=writer, if_match=None, now=CREATED)
    await database["users"].insert_many([make_user(roles=["=admin"]), make_user(roles=["=admin", "<b>"])])
    return settings.model_copy(update={"webhook_private_networks": ("127.0.0.0/8",)})


async def hourly(database: Database, settings: Settings, **parts: Any) -> str:
    """Make an hourly report; return its secret."""
    given = ReportInput.model_validate({"query": "roles", "schedule": "hourly", **parts})
    _, secret = await save_report(database, settings, "hours", given, if_match=None, actor=ADMIN, now=CREATED)
    return secret or ""


async def delivery(database: Database) -> dict[str, Any]:
    [found] = await database[DELIVERIES].find({}).to_list()
    return found


async def make_due(database: Database) -> None:
    await database[DELIVERIES].update_many({"state": "due"}, [{"$set": {"due_at": "$created_at"}}])


async def test_slot_is_one_delivery_for_any_number_of_workers(database: Database, local: Settings) -> None:
    async with receiver() as service:
        await hourly(database, local, webhook_url=service.url)

        entered = await asyncio.gather(*(enter_slots(database, now=SLOT) for _ in range(8)))
        delivered = await asyncio.gather(*(deliver_due(database, local, now=SLOT) for _ in range(8)))

    assert (sum(entered), sum(delivered), len(service.requests)) == (1, 1, 1)
    assert ((await delivery(database))["slot"], (await delivery(database))["state"]) == (SLOT, "delivered")


async def test_slots_before_the_report_are_none(database: Database, local: Settings) -> None:
    await hourly(database, local, webhook_url="http://127.0.0.1:9/")

    assert await enter_slots(database, now=CREATED + timedelta(minutes=10)) == 0
    assert await enter_slots(database, now=SLOT + timedelta(hours=5, minutes=1)) == 1
    # Missed slots are one.
    assert (await delivery(database))["slot"] == SLOT + timedelta(hours=5)


@pytest.mark.parametrize(
    ("form", "expected"),
    [("csv", "role,users\r\n'=admin,2\r\n<b>,1\r\n"), ("html", "<td>&lt;b&gt;</td>")],
)
async def test_webhook_gets_a_signed_message(
    database: Database, local: Settings, form: str, expected: str
) -> None:
    async with receiver() as service:
        secret = await hourly(database, local, webhook_url=service.url, format=form)
        await enter_slots(database, now=SLOT)
        await deliver_due(database, local, now=SLOT)

    [request] = service.requests
    message = Webhook(secret).verify(request.body, dict(request.headers))
    assert (message["type"], message["data"]["report"]) == ("report.delivered", "hours")
    assert message["data"]["slot"] == "2025-11-26T09:00:00Z"
    assert message["data"]["media_type"] == f"text/{form}"
    assert expected in message["data"]["content"]


async def test_failure_is_retried_under_the_same_id(database: Database, local: Settings) -> None:
    answers = [Answer(status=500), Answer(status=204)]
    async with receiver(lambda _: answers.pop(0)) as service:
        await hourly(database, local, webhook_url=service.url)
        await enter_slots(database, now=SLOT)

        assert await deliver_due(database, local, now=SLOT) == 0
        failed = await delivery(database)
        assert await deliver_due(database, local, now=SLOT) == 0
        await make_due(database)
        assert await deliver_due(database, local, now=now_utc()) == 1

    assert (failed["state"], failed["error"], failed["attempts"]) == ("due", "status 500", 1)
    assert failed["due_at"] > failed["created_at"]
    ids = [request.headers["webhook-id"] for request in service.requests]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    done = await delivery(database)
    assert (done["state"], done["error"], done["attempts"], done["rows"]) == ("delivered", None, 2, 2)


async def test_report_is_given_up_and_told(database: Database, local: Settings) -> None:
    told = local.model_copy(update={"alert_urls": ("http://127.0.0.1:9/",)})
    await hourly(database, told, webhook_url="http://127.0.0.1:9/")
    await enter_slots(database, now=SLOT)

    for _ in range(MAX_ATTEMPTS):
        await make_due(database)
        await deliver_due(database, told, now=now_utc())

    done = await delivery(database)
    assert (done["state"], done["attempts"]) == ("failed", MAX_ATTEMPTS)
    [message] = await database["alert_messages"].find({}).to_list()
    assert (message["event"], message["body"]["error"]) == ("report.failed", done["error"])
    assert "docustore analytics reports run hours" in message["body"]["next_step"]


async def test_delivery_of_a_killed_worker_is_due_again(database: Database, local: Settings) -> None:
    async with receiver() as service:
        await hourly(database, local, webhook_url=service.url)
        await enter_slots(database, now=SLOT)
        killed = await take(database, now=SLOT)
        assert killed is not None

        assert await deliver_due(database, local, now=SLOT + LEASE / 2) == 0
        assert await deliver_due(database, local, now=SLOT + LEASE) == 1

        # The first worker was only slow: its result does not count.
        assert await finish(database, killed, Sent(error="late"), now=SLOT) is None
    assert (await delivery(database))["state"] == "delivered"


async def test_report_that_ends_its_workers_is_given_up(database: Database, local: Settings) -> None:
    """Each attempt ends without a result: the report must not end a worker every two minutes for ever."""
    told = local.model_copy(update={"alert_urls": ("http://127.0.0.1:9/",)})
    async with receiver() as service:
        await hourly(database, told, webhook_url=service.url)
        await enter_slots(database, now=SLOT)
        await database[DELIVERIES].update_one({}, {"$set": {"attempts": MAX_BEGUN - 1}})

        assert await deliver_due(database, told, now=SLOT) == 0

        assert service.requests == []
    done = await delivery(database)
    assert (done["state"], done["error"].split(":")[0]) == ("failed", f"begun {MAX_BEGUN} times without an end")
    assert [alert["event"] for alert in await database["alert_messages"].find({}).to_list()] == ["report.failed"]


async def test_paused_report_has_no_slots_and_skips_what_is_due(database: Database, local: Settings) -> None:
    await hourly(database, local, webhook_url="http://127.0.0.1:9/")
    await enter_slots(database, now=SLOT)
    await set_paused(database, "hours", is_paused=True, actor=ADMIN, now=SLOT)

    assert (await delivery(database))["state"] == "skipped"
    assert await enter_slots(database, now=SLOT + timedelta(hours=2)) == 0

    resumed = SLOT + timedelta(hours=2, minutes=30)
    await set_paused(database, "hours", is_paused=False, actor=ADMIN, now=resumed)
    # The slot of 11:00 was during the pause.
    assert await enter_slots(database, now=resumed) == 0
    assert await enter_slots(database, now=SLOT + timedelta(hours=3)) == 1


async def test_query_of_a_report_is_not_deleted(database: Database, local: Settings) -> None:
    """The message names the reports; without them the query can go."""
    writer = Writer(actor=ADMIN, is_admin=True)
    await hourly(database, local, webhook_url="http://127.0.0.1:9/")

    with pytest.raises(SavedQueryInUseError, match=r"reports hours: delete them"):
        await remove(database, "roles", writer=writer)
    await remove_report(database, "hours", actor=ADMIN)
    await remove(database, "roles", writer=writer)

    assert await database[SAVED_QUERIES].count_documents({}) == 0


async def test_report_and_deletion_of_its_query_at_once(database: Database, local: Settings) -> None:
    """One of the two is refused, whichever is first."""
    writer = Writer(actor=ADMIN, is_admin=True)
    for _ in range(10):
        made, removed = await asyncio.gather(
            hourly(database, local, webhook_url="http://127.0.0.1:9/"),
            remove(database, "roles", writer=writer),
            return_exceptions=True,
        )

        assert isinstance(made, InvalidInputError) or isinstance(removed, SavedQueryInUseError)
        assert not isinstance(made, BaseException) or removed is None
        await database[REPORTS].delete_many({})
        await database[SAVED_QUERIES].delete_many({})
        given = SavedQueryInput.model_validate(QUERY)
        await save(database, "roles", given, writer=writer, if_match=None, now=CREATED)


async def test_query_that_is_gone_is_the_error(database: Database, local: Settings) -> None:
    await hourly(database, local, webhook_url="http://127.0.0.1:9/")
    await database[SAVED_QUERIES].delete_one({"_id": "roles"})

    found = await deliver_now(database, local, "hours", actor=ADMIN)

    assert (found["state"], found["error"]) == ("due", "no saved query roles")


async def test_report_with_an_unknown_zone_stops_no_other(database: Database, local: Settings) -> None:
    async with receiver() as service:
        await hourly(database, local, webhook_url=service.url)
        other = {**await find_report(database, "hours"), "_id": "a", "timezone": "Mars/Base", "schedule": "daily"}
        await database["analytics_reports"].insert_one(other)

        assert await enter_slots(database, now=SLOT) == 1

    assert report_view(other, None, now=SLOT).next_slot is None


async def test_worker_delivers(database: Database, local: Settings) -> None:
    """The report began long ago, so its latest slot is due."""
    async with receiver() as service:
        await hourly(database, local, webhook_url=service.url)
        worker: Any = {"settings": local, "database": database}

        delivered = [await deliver_reports(worker) for _ in range(2)]

    assert (delivered, len(service.requests)) == ([1, 0], 1)
    # The module of the settings cannot be imported without servers.
    assert "cron(deliver_reports, " in (Path(__file__).parents[3] / "workers" / "settings.py").read_text()


class HourAhead(datetime):
    """The clock of a worker that is wrong by an hour."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(hours=1)


async def test_worker_with_a_wrong_clock_sends_nothing_twice(
    database: Database, local: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery that another worker has begun is not taken: the clock of the server decides."""
    async with receiver() as service:
        await hourly(database, local, webhook_url=service.url, schedule="daily")
        await enter_slots(database, now=now_utc())
        taken = await take(database, now=now_utc())
        monkeypatch.setattr(tasks, "datetime", HourAhead)
        worker: Any = {"settings": local, "database": database}

        delivered = await deliver_reports(worker)

    assert taken is not None
    assert (delivered, len(service.requests)) == (0, 0)


async def test_runs_by_hand_are_deliveries_of_their_own(database: Database, local: Settings) -> None:
    async with receiver() as service:
        await hourly(database, local, webhook_url=service.url)
        await enter_slot(database, "hours", SLOT, now=SLOT)

        found = await asyncio.gather(*(deliver_now(database, local, "hours", actor=ADMIN) for _ in range(3)))

    assert [each["state"] for each in found] == ["delivered"] * 3
    assert len({each["slot"] for each in found}) == len(service.requests) == 3
