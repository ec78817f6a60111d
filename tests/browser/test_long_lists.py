"""Long lists: paged to the end, and not read again by themselves."""

import asyncio
from uuid import uuid4

import pytest
from bson import ObjectId
from playwright.async_api import Request, expect

from docustore.changes.status import wait_until_applied
from docustore.clock import now_utc
from docustore.database import Database
from docustore.quality.stored import USER_QUALITY
from tests.browser.conftest import Watched
from tests.waiting import until

pytestmark = pytest.mark.browser
RULE = "last_name_present"
MANY = 260


async def test_only_a_short_list_is_read_again(admin: Watched) -> None:
    """A list of more than one request waits for the visitor, also after it grew."""
    page = await admin.open("")

    found = await page.evaluate("""async () => {
      const { unlessLong } = await import("/assets/tables.js");
      let limit = 100;
      const wait = unlessLong(5000, () => limit);
      const waits = [wait()];
      for (limit of [101, 10_000, 20]) waits.push(wait());
      return waits;
    }""")

    assert found == [5000, 0, 0, 5000]


async def test_list_of_a_rule_is_paged_to_its_end(admin: Watched, store: Database) -> None:
    """Each user stands there once; at the end the list waits, and can be read again."""
    mark, now = uuid4().hex, now_utc()
    users = [
        {"_id": ObjectId(), "email": f"{mark}-{number}@long.example", "status": "active", "first_name": "Ann",
         "created_at": now, "updated_at": now}
        for number in range(MANY)
    ]  # fmt: skip
    await store["users"].insert_many(users)
    await wait_until_applied(store)
    ids = [user["_id"] for user in users]

    async def is_judged() -> bool:
        return await store[USER_QUALITY].count_documents({"_id": {"$in": ids}}) == MANY

    await until(is_judged, what="users judged")
    page = await admin.open(f"quality/{RULE}")
    more = page.get_by_role("button", name="Show more")
    await expect(page.locator("#content [aria-busy=true]")).to_have_count(0)
    while await more.count():
        shown = await page.locator("table.stacked tbody tr").count()
        await more.click()
        await expect(page.locator("table.stacked tbody tr").nth(shown)).to_be_visible()
        await expect(page.locator("button.more[aria-disabled]")).to_have_count(0)

    listed = [text for text in await page.locator("td.text").all_inner_texts() if text.startswith(mark)]
    assert sorted(listed) == sorted(user["email"] for user in users)
    asked: list[str] = []
    page.on("request", lambda sent: watch(sent, asked))
    await expect(page.get_by_text("A long list does not follow changes by itself.")).to_be_visible()
    await store["users"].delete_many({"_id": {"$in": ids}})
    await wait_until_applied(store)
    # The panel of the rule's figures is asked for on and on: two of its answers are longer than one period.
    await until(lambda: answered(asked, "/quality/report", 2), what="figures read twice")
    assert [path for path in asked if f"/rules/{RULE}/users" in path] == []

    await page.get_by_role("button", name="Read again").click()

    await expect(page.locator("td.text", has_text=mark)).to_have_count(0)


def watch(sent: Request, asked: list[str]) -> None:
    asked.append(sent.url)


async def answered(asked: list[str], path: str, times: int) -> bool:
    await asyncio.sleep(0)
    return sum(path in url for url in asked) >= times
