"""Scheduled reports: create, run, pause and delete them, and read why one failed."""

import pytest
from playwright.async_api import expect

from docustore.database import Database
from tests.browser.conftest import Watched
from tests.http_service import Answer
from tests.receiving import receiver

pytestmark = pytest.mark.browser
QUESTION = """() => fetch("/analytics/queries/for-reports", {
  method: "PUT", headers: {"Content-Type": "application/json"},
  body: JSON.stringify({query: {metrics: ["users"], dimensions: ["status"]}})}).then(answer => answer.status)"""


async def test_report_is_created_run_paused_and_deleted(admin: Watched, store: Database) -> None:
    answers = [Answer(status=503), Answer(status=204)]
    async with receiver(lambda _: answers.pop(0) if len(answers) > 1 else answers[0]) as service:
        page = await admin.open("reports")
        assert await page.evaluate(QUESTION) == 201
        await page.get_by_role("button", name="Create").click()
        await page.get_by_label("Name", exact=True).fill("weekly")
        await page.get_by_label("Saved query").select_option("for-reports")
        await page.get_by_label("Schedule").fill("0 7 * * 1")
        await page.get_by_label("Webhook address").fill(service.url)
        await admin.confirm_and_read("Create")
        secret = await page.locator("#secret").input_value()
        await page.get_by_role("button", name="Close").click()
        row = page.get_by_role("row", name="weekly")
        await expect(row).to_contain_text("0 7 * * 1, UTC")
        await expect(row).to_contain_text("in ")

        await row.get_by_role("button", name="Run now").click()
        await expect(row.locator(".cause")).to_contain_text("503")
        await row.get_by_role("link", name="weekly").click()
        await expect(page.get_by_role("region", name="Report", exact=True).locator("pre")).to_contain_text("503")
        await page.get_by_role("button", name="Run now").click()
        await expect(page.locator("#said")).to_contain_text("Sent")

    async with page.expect_download() as started:
        await page.get_by_role("button", name="Download rows").click()
    assert (await (await started.value).path()).read_text("utf-8").startswith("status,users\n")
    await page.get_by_role("button", name="Pause").click()
    await admin.confirm("Pause")
    await expect(page.get_by_role("region", name="Report", exact=True)).to_contain_text("paused")
    await page.get_by_role("button", name="Edit").click()
    await page.get_by_label("Schedule").fill("every 6h")
    await admin.confirm("Edit")
    await expect(page.get_by_role("region", name="Report", exact=True)).to_contain_text("every 6h")
    await page.get_by_role("button", name="Delete").click()
    await admin.confirm("Delete")

    await expect(page.locator("h1")).to_have_text("Reports")
    await expect(page.get_by_role("row", name="weekly")).to_have_count(0)
    assert secret.startswith("whsec_")
    assert len(service.requests) == 2
    await store["analytics_queries"].delete_one({"_id": "for-reports"})
