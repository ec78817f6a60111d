"""The page shows the figures that the API gives, also after changes."""

import asyncio
import re

import pytest
from playwright.async_api import Page

from docustore.clock import now_utc
from docustore.database import Database
from docustore.users.cause import Cause
from docustore.users.preconditions import IfMatch
from docustore.users.service import Write, delete_user
from tests.browser.conftest import Watched, make_user, until_everywhere
from tests.waiting import until

pytestmark = pytest.mark.browser
RULE = "last_name_present"


async def test_page_agrees_with_the_api(admin: Watched, store: Database) -> None:
    """Users come, change and go; every figure of three views is that of the answer."""
    page = await admin.open("")
    for number in range(3):
        await make_user(store, f"agree-{number}@figures.example", status="suspended")
    gone = await make_user(store, "agree-gone@figures.example")
    any_version, cause = IfMatch.optional(None), Cause(actor="api:test")
    await delete_user(Write(user_id=gone, if_match=any_version, cause=cause, now=now_utc()))
    await until_everywhere(store)

    await until(lambda: overview_agrees(page), what="overview agrees with /users/analytics")
    page = await admin.open("quality")
    await until(lambda: quality_agrees(page), what="quality agrees with /quality/report")
    page = await admin.open(f"quality/{RULE}")
    await until(lambda: rule_agrees(page), what="rule agrees with /quality/report")


async def test_only_a_score_without_violations_is_shown_as_100(admin: Watched) -> None:
    page = await admin.open("quality")

    shown = await page.evaluate(
        "async (scores) => scores.map((await import('/assets/format.js')).scoreText)",
        [100, 99.996, 99.94, 93.55, 0, None],
    )

    assert shown == ["100", "99.99", "99.94", "93.55", "0", "\N{EN DASH}"]


async def answer(page: Page, path: str) -> dict[str, object]:
    found: dict[str, object] = await page.evaluate("async (path) => (await fetch(path)).json()", path)
    return found


async def overview_agrees(page: Page) -> bool:
    report = await answer(page, "/users/analytics")
    shares = report["status_distribution"]
    assert isinstance(shares, dict)
    shown = await page.locator("#statuses > div").evaluate_all(
        "(parts) => parts.map((each) => [each.children[0].textContent, each.children[1].firstChild.data])"
    )
    total = whole(await page.locator("#total").inner_text())
    return total == report["total_users"] and {name: whole(text) for name, text in shown} == shares


async def quality_agrees(page: Page) -> bool:
    report = await answer(page, "/quality/report")
    score, rules = report["score"], report["rules"]
    assert isinstance(score, float | int)
    assert isinstance(rules, list)
    text = await page.locator("#score").inner_text()
    rows = (
        await page.get_by_role("table", name="Rules")
        .locator("tbody tr")
        .evaluate_all(
            "(rows) => rows.map((row) => [row.querySelector('a').textContent, row.cells[4].textContent])"
        )
    )
    expected = {rule["title"]: rule["violated"] for rule in rules}
    return float(text.split()[0]) == score and {name: whole(count) for name, count in rows} == expected


async def rule_agrees(page: Page) -> bool:
    report = await answer(page, "/quality/report")
    assert isinstance(report["rules"], list)
    rule = next(each for each in report["rules"] if each["name"] == RULE)
    text = await page.locator("#content").inner_text()
    found = re.search(r"([\d,]+) of ([\d,]+) users", text)
    await asyncio.sleep(0)
    return found is not None and [whole(each) for each in found.groups()] == [rule["violated"], rule["applicable"]]


def whole(text: str) -> int:
    return int(text.replace(",", ""))
