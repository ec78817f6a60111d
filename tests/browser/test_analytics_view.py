"""The views of analytics and of the trend of quality.

Charts by period and value, comparison, export.
"""

import csv
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from docustore.database import Database
from tests.browser.conftest import Watched, make_user

pytestmark = pytest.mark.browser


async def test_figures_by_period_value_and_comparison(admin: Watched, store: Database) -> None:
    await make_user(store, "one@analytics.example", roles=["analyst"])
    await make_user(store, "two@analytics.example", roles=["analyst"], status="suspended")
    page = await admin.open("analytics")
    registrations = page.get_by_role("region", name="Registrations", exact=True)
    await expect(registrations.locator(".bar")).not_to_have_count(0)

    await page.get_by_role("combobox", name="Period").select_option("month")
    await page.get_by_role("combobox", name="Registrations by").select_option("role")
    await page.get_by_role("combobox", name="Beside").select_option("previous")
    await expect(registrations).to_contain_text("0 in the period before")
    await expect(registrations.locator(".small-charts")).to_contain_text("analyst")
    async with page.expect_download() as started:
        await registrations.get_by_role("link", name="Export CSV").click()
    rows = list(csv.reader((await (await started.value).path()).read_text("utf-8").splitlines()))
    values = page.get_by_role("region", name="Present users by value")
    await values.get_by_role("link", name="analyst").click()

    await expect(page.locator("#results tbody th")).to_have_count(2)
    assert {"analyst"} <= {row[4] for row in rows[1:]}
    assert {"current", "previous"} <= {row[0] for row in rows[1:]}


@pytest.mark.usefixtures("still_worker")
async def test_trend_shows_the_hours_that_are_stored(admin: Watched, store: Database) -> None:
    """Its range begins with the first stored hour."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    await store["quality_reports"].delete_many({})
    for age in range(1, 6):
        at = hour - timedelta(hours=age)
        await store["quality_reports"].insert_one({
            "_id": f"hour:{at:%Y-%m-%dT%H}", "bucket": "hour", "at": at, "as_of": at, "users": 10,
            "score": 80.0 + age, "dimensions": {}, "rules": {},
        })  # fmt: skip

    page = await admin.open("quality")
    trend = page.get_by_role("region", name="Score over time")
    await expect(trend.locator(".dot")).to_have_count(5)
    await trend.locator(".chart").focus()
    await page.keyboard.press("ArrowLeft")

    await expect(trend.locator(".readout")).to_contain_text(": 81")


async def test_rule_is_waived_until_a_day(admin: Watched, store: Database) -> None:
    await make_user(store, "waived@analytics.example")
    page = await admin.open("quality/last_name_present")

    await page.get_by_role("button", name="Waive").click()
    await page.get_by_label("Until").fill((datetime.now(UTC) + timedelta(days=3)).date().isoformat())
    await page.get_by_label("Reason").fill("the source is being repaired")
    await admin.confirm("Waive")
    await expect(page.get_by_role("region", name="Rule", exact=True)).to_contain_text(
        "the source is being repaired"
    )
    await page.get_by_role("button", name="End the waiver").click()

    await expect(page.get_by_role("button", name="Waive")).to_be_visible()


async def test_cohorts_show_the_months_that_have_users(admin: Watched) -> None:
    """A loaded store may have no registrations in the last twelve months."""
    page = await admin.open("analytics")
    months = """async ([unit, bars]) => {
      const { cohortsOf } = await import("/assets/views/period.js");
      const trend = { unit, bars: bars.map(([start, count]) => ({ start, count })) };
      return cohortsOf("auto", trend, new Date("2026-11-27T12:00:00Z"));
    }"""

    of_years = await page.evaluate(months, ["year", [["2019-01-01", 9], ["2022-01-01", 5], ["2023-01-01", 0]]])
    of_days = await page.evaluate(months, ["day", [["2024-03-30", 2], ["2024-03-31", 1]]])
    of_now = await page.evaluate(months, ["month", [["2022-01-01", 5], ["2026-11-01", 1]]])

    assert of_years == {"from": "2022-01-01T00:00:00.000Z", "to": "2023-01-01T00:00:00.000Z"}
    assert of_days == {"from": "2023-04-01T00:00:00.000Z", "to": "2024-04-01T00:00:00.000Z"}
    assert of_now == {}
