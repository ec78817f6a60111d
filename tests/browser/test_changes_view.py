"""The listener: how current it is, and its levers; and the quality that it keeps."""

import pytest
from bson import ObjectId
from playwright.async_api import expect

from docustore.database import Database
from tests.browser.conftest import Watched, make_user
from tests.waiting import until

pytestmark = pytest.mark.browser
LETTER = {
    "key": b"", "user_id": "u1", "operation": "update", "state": "failed", "error": "WriteError",
    "code": 121, "reason": "Document failed validation", "attempts": 1, "cluster_time": None, "wall_time": None,
}  # fmt: skip


async def test_pause_is_said_in_every_view(admin: Watched, store: Database) -> None:
    """Figures that stand still must not look current."""
    page = await admin.open("changes")
    await page.get_by_role("button", name="Pause").click()
    await admin.confirm("Pause")
    await expect(page.locator("#listener-state")).to_have_text("paused")
    await store["change_dead_letters"].insert_one({"_id": "replayed", **LETTER})
    await expect(page.get_by_role("table", name="Dead letters")).to_contain_text(
        "WriteError: code 121: Document failed validation"
    )
    await page.get_by_role("button", name="Replay").click()
    await expect(page.get_by_role("table", name="Dead letters")).to_contain_text("requested")
    await store["change_dead_letters"].delete_one({"_id": "replayed"})

    await admin.open("users")
    notice = page.locator("#notices")
    await expect(notice).to_contain_text("The listener is paused")
    await notice.get_by_role("link", name="See the listener").click()
    await page.get_by_role("button", name="Resume").click()

    await expect(notice).to_be_empty()
    await expect(page.locator("#listener-state")).to_have_text("caught up")


async def test_letter_is_skipped(admin: Watched, store: Database) -> None:
    await store["change_dead_letters"].insert_one({"_id": "skipped", **LETTER})
    page = await admin.open("changes")

    await page.get_by_role("button", name="Skip").click()
    await admin.confirm("Skip")

    await expect(page.locator("main")).to_contain_text("No dead letters")
    letter = await store["change_dead_letters"].find_one_and_delete({"_id": "skipped"})
    assert letter is not None
    assert letter["state"] == "skipped"


async def test_new_start_is_a_gap_on_record(admin: Watched, store: Database) -> None:
    await make_user(store, "gap@example.org")
    page = await admin.open("changes")

    await page.get_by_role("button", name="Start anew").click()
    await admin.confirm("Start anew")

    await expect(page.get_by_role("table", name="Gaps")).to_contain_text("reset")
    await expect(page.locator("#listener-state")).to_have_text("caught up")


async def test_effects_are_listed_and_rebuilt(admin: Watched) -> None:
    page = await admin.open("changes")
    row = page.get_by_role("row", name="user_quality")
    await expect(row).to_contain_text("live")

    await row.get_by_role("button", name="Rebuild").click()
    await admin.confirm("Rebuild")

    await expect(page.locator("#said")).to_contain_text("has begun")
    await expect(row).to_contain_text("live")


async def test_rule_leads_to_its_users(admin: Watched, store: Database) -> None:
    user_id = await make_user(store, "nameless@example.org", first_name="Nameless")
    await until(lambda: store["user_quality"].find_one({"_id": ObjectId(user_id)}))
    page = await admin.open("quality")
    await expect(page.locator("#score")).to_contain_text("of 100")
    await expect(page.get_by_role("region", name="Dimensions")).to_contain_text("completeness")

    await page.get_by_role("link", name="The last name is given.").click()

    await expect(page.locator("h1")).to_have_text("The last name is given.")
    await expect(page.get_by_role("region", name="Rule", exact=True)).to_contain_text("Correct the record")
    users = page.get_by_role("table", name="Users")
    await expect(users).to_be_visible()
    while await users.locator(f'a[href="#/users/{user_id}"]').count() == 0:
        await page.get_by_role("button", name="Show more").click()
        await expect(page.locator("button.more[aria-disabled]")).to_have_count(0)
    await users.locator(f'a[href="#/users/{user_id}"]').click()
    await expect(page.locator("h1")).to_have_text("Nameless")


async def test_check_says_whether_the_figures_are_right(admin: Watched) -> None:
    page = await admin.open("quality")

    await page.get_by_role("button", name="Check all users").click()
    await admin.confirm("Check all users")

    await expect(page.locator("#said")).to_have_text("The kept figures are right.")
