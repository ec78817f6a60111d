"""Questions: build, run, explain, save, open, export and delete them."""

import csv
import json
from urllib.parse import quote

import pytest
from playwright.async_api import expect

from docustore.database import Database
from tests.browser.conftest import Watched, make_user

pytestmark = pytest.mark.browser


async def test_question_is_built_run_exported_and_shared(admin: Watched, store: Database) -> None:
    """The question stands in the address, so that an answer can be shared."""
    await make_user(store, "a@queries.example", roles=["=asker"], profile={"location": "Delft"})
    await make_user(store, "b@queries.example", roles=["=asker"], profile={"location": "Porto"})
    page = await admin.open("queries")
    await page.get_by_label("status", exact=True).uncheck()
    await page.get_by_label("location", exact=True).check()
    await page.get_by_label("role", exact=True).check()
    await page.get_by_role("button", name="Add a filter").click()
    await page.get_by_label("Field").select_option("email_domain")
    await page.get_by_label("Condition").select_option("in")
    await page.get_by_label("Value").fill("queries.example\nother.example")

    await page.get_by_role("button", name="Run", exact=True).click()
    answer = page.get_by_role("table", name="Answer")
    await expect(answer.locator("tbody tr")).to_have_count(2)
    await expect(page.locator("#answered")).to_contain_text("2 rows, answered by an aggregation")
    async with page.expect_download() as started:
        await page.get_by_role("button", name="Export CSV").click()
    rows = list(csv.reader((await (await started.value).path()).read_text("utf-8").splitlines()))
    await page.reload()

    await expect(answer.locator("tbody tr")).to_have_count(2)
    # A spreadsheet would run the text without the apostrophe.
    assert sorted(rows[1:]) == [["Delft", "'=asker", "1"], ["Porto", "'=asker", "1"]]


async def test_time_gets_a_chart_and_its_empty_buckets(admin: Watched, store: Database) -> None:
    await make_user(store, "timed@asked.example")
    question = {
        "metrics": ["registrations"],
        "filters": [{"field": "email", "op": "prefix", "value": "nobody"}],
        "time": {"bucket": "day"},
    }
    page = await admin.open(f"queries?q={quote(json.dumps(question))}")
    await expect(page.locator("#query-result")).to_contain_text("No rows")

    await page.get_by_role("button", name="Remove this filter").click()
    await expect(page.locator("#query-result > .notice")).to_contain_text("The question has changed")
    await page.get_by_role("button", name="Run", exact=True).click()

    await expect(page.locator("#query-chart .bar").first).to_be_visible()
    await expect(page.locator("#query-result > .notice")).to_have_count(0)


async def test_question_is_explained_and_refused_in_words(admin: Watched) -> None:
    page = await admin.open("queries")
    await page.get_by_role("button", name="Explain").click()
    await expect(page.get_by_role("region", name="How it would be answered")).to_contain_text("the live counters")

    await page.get_by_label("Time zone of buckets").fill("Mars/Base")
    await page.get_by_role("button", name="Run", exact=True).click()

    await expect(page.locator("#query-result .problem")).to_contain_text("must be a time zone")
    assert [each for each in admin.problems if "422" not in each] == []
    admin.problems.clear()


async def test_query_is_saved_opened_changed_and_deleted(admin: Watched, store: Database) -> None:
    await make_user(store, "saved@asked.example")
    page = await admin.open("queries")
    await page.get_by_role("button", name="Save as").click()
    await page.get_by_label("Name", exact=True).fill("by-status")
    await page.get_by_label("What it is for").fill("the monday meeting")
    await admin.confirm("Save as")
    await expect(page.locator("h1")).to_have_text("by-status")
    await expect(page.locator(".lead")).to_have_text("the monday meeting")
    await expect(page.get_by_role("table", name="Answer")).to_contain_text("active")

    await page.get_by_label("theme", exact=True).check()
    await page.get_by_role("button", name="Save", exact=True).click()
    await admin.confirm("Save")
    saved = await store["analytics_queries"].find_one({"_id": "by-status"})
    await admin.open("queries")
    await page.get_by_role("table", name="Saved queries").get_by_role("link", name="by-status").click()
    await expect(page.get_by_label("theme", exact=True)).to_be_checked()
    await page.get_by_role("button", name="Delete").click()
    await admin.confirm("Delete")

    await expect(page.locator("h1")).to_have_text("Queries")
    assert saved is not None
    assert (saved["query"]["dimensions"], saved["version"]) == (["status", "theme"], 2)
    assert await store["analytics_queries"].count_documents({"_id": "by-status"}) == 0
