"""Alerts: their cause, subject and messages, and the waivers of rules."""

from datetime import timedelta

import pytest
from playwright.async_api import expect

from docustore.clock import now_utc
from docustore.database import Database
from docustore.etl.alert_outbox import enqueue_message
from docustore.etl.incidents import INCIDENTS, IncidentKind, close_incident, open_incident
from docustore.quality_watch.groups import Problem, open_group
from tests.browser.conftest import Watched

pytestmark = pytest.mark.browser
# No rule of the service: its worker would end the incident of a rule that passes.
ENDED = "a source of last week"
# The service opens alerts about its own sources, and ends those of others.
HELD = "payroll"
ERROR = "SourceUnavailableError: the connection was refused\n  by the upstream system"


@pytest.mark.usefixtures("still_worker")
async def test_open_alerts_are_grouped_and_lead_to_their_cause(admin: Watched, store: Database) -> None:
    now = now_utc()
    await open_incident(store, IncidentKind.RUN_HELD, HELD, at=now, is_told=False, run_id="65f0", error=ERROR)
    await open_incident(store, IncidentKind.RUN_HELD, ENDED, at=now - timedelta(days=7), is_told=False)
    ended = await store[INCIDENTS].find_one({"source": ENDED})
    assert ended is not None
    await close_incident(store, ended, at=now - timedelta(days=6), is_told=False)
    page = await admin.open("alerts")

    sources = page.get_by_role("region", name="Alerts of Sources")
    await expect(sources).to_contain_text("A run waits for approval")
    await expect(sources).to_contain_text("by the upstream system")
    await expect(sources.get_by_role("link", name="65f0")).to_have_attribute("href", "#/runs/65f0")
    await expect(page.get_by_role("table", name="Ended alerts")).to_contain_text(ENDED)
    await expect(page.locator('[data-view="alerts"] .count')).to_contain_text("open alerts")
    await sources.get_by_role("link", name=HELD, exact=True).click()

    await expect(page.locator("h1")).to_have_text("Runs")
    await store[INCIDENTS].delete_many({"source": HELD})


@pytest.mark.usefixtures("still_worker")
async def test_rule_is_waived_at_its_alert_and_counts_again(admin: Watched, store: Database) -> None:
    problem = Problem(
        subject="email_valid",
        sentence="too many",
        owner="crm team",
        facts={"violated": 12345, "next_step": "run `docustore quality explain email_valid`"},
    )
    await open_group(store, IncidentKind.RULE_FAILED, [problem], at=now_utc(), is_told=False)
    page = await admin.open("alerts")
    owned = page.get_by_role("region", name="Alerts of crm team")
    await expect(owned).to_contain_text("12,345")
    await expect(owned.locator("code")).to_have_text("docustore quality explain email_valid")

    await owned.get_by_role("button", name="Waive").click()
    await page.get_by_label("Until the end of").fill(f"{now_utc() + timedelta(days=3):%Y-%m-%d}")
    await page.get_by_label("Reason").fill("the import is being repaired")
    await admin.confirm("Waive")
    waived = page.get_by_role("table", name="Waived rules")
    await expect(waived).to_contain_text("the import is being repaired")
    await waived.get_by_role("button", name="End the waiver").click()

    await expect(page.get_by_role("region", name="Waived rules").first).to_contain_text("No rule is waived")
    # The button is gone with its row: the keyboard goes on from there, not from the top of the page.
    await expect(page.get_by_role("heading", name="Waived rules")).to_be_focused()
    await store[INCIDENTS].delete_many({"source": "email_valid"})


async def test_message_says_who_refused_it(admin: Watched, store: Database) -> None:
    now = now_utc()
    await enqueue_message(
        store, "page:m", event="report.failed", at=now, facts={"report": "weekly", "error": ERROR}
    )
    refused = {"place": "https://hooks.example", "at": None, "error": "status 503"}
    tried = {"attempts": 4, "state": "failed", "deliveries": {"d": refused}}
    await store["alert_messages"].update_one({"_id": "page:m"}, {"$set": tried})
    page = await admin.open("alerts")
    messages = page.get_by_role("region", name="Messages").first

    await messages.get_by_label("State of the messages").select_option("failed")
    await expect(messages.locator("tbody tr")).to_have_count(1)
    await expect(messages).to_contain_text("https://hooks.example")
    await expect(messages).to_contain_text("status 503")
    await messages.get_by_text("What it says").click()
    await expect(messages).to_contain_text("by the upstream system")
    await messages.get_by_role("button", name="Retry undelivered").click()

    await expect(page.locator("#said")).to_contain_text("1 message will be sent")
    await store["alert_messages"].delete_one({"_id": "page:m"})
