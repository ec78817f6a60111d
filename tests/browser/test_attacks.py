"""The page with late, broken and absent answers and odd texts."""

import asyncio
import re

import pytest
from bson import ObjectId
from playwright.async_api import Route, expect

from docustore.clock import now_utc
from docustore.database import Database
from tests.browser.conftest import Watched, make_user
from tests.waiting import until

pytestmark = pytest.mark.browser
RTL = "\u202eמשה \u05d0\u05d1 <b>"


@pytest.mark.parametrize("view", ["constructor", "__proto__", "toString/x", "users/a/b", "%E0%A4%A"])
async def test_odd_address_names_no_view(admin: Watched, view: str) -> None:
    page = await admin.open(view)

    await expect(page.locator("main")).to_contain_text("This address names no view")


async def test_back_button_closes_a_question(admin: Watched) -> None:
    """A question about one view must not stay open over another one."""
    page = await admin.open("quality")
    await page.get_by_role("link", name="Changes").click()
    await page.get_by_role("button", name="Pause").click()
    await expect(page.locator("dialog")).to_have_count(1)

    await page.go_back()

    await expect(page.locator("h1")).to_have_text("Quality")
    await expect(page.locator("dialog")).to_have_count(0)


async def test_late_answer_does_not_replace_a_newer_one(admin: Watched, store: Database) -> None:
    await make_user(store, "late@attacks.example", first_name="Latecomer")
    await make_user(store, "early@attacks.example", first_name="Earlybird")
    page = await admin.open("users")
    released = asyncio.Event()

    async def wait(route: Route) -> None:
        await released.wait()
        await route.continue_()

    await page.route(re.compile(r"/users/search\?q=Late"), wait)
    async with page.expect_request(re.compile(r"q=Late")):
        await page.get_by_label("Name or e-mail address").fill("Latecomer")
    await page.get_by_label("Name or e-mail address").fill("Earlybird")
    names = page.locator("#results tbody th")
    await expect(names).to_have_text(["Earlybird"])
    released.set()
    await page.get_by_role("link", name="Alerts").click()
    await page.go_back()

    await expect(page.locator("#matches")).to_contain_text("1 user")
    await expect(names).to_have_text(["Earlybird"])


async def test_server_that_never_answers_is_said(admin: Watched) -> None:
    """Without a deadline the page would call its old figures live for ever."""
    await admin.page.clock.install()
    page = await admin.open("")
    await expect(page.locator("#freshness")).to_have_text("live")
    asked = asyncio.Event()

    async def never(_: Route) -> None:
        asked.set()

    await page.route("**/dashboard/summary", never)
    await page.clock.run_for(5000)
    await asyncio.wait_for(asked.wait(), 60)
    await page.clock.run_for(11_000)
    await expect(page.locator("#notices")).to_contain_text("No answer yet")
    await expect(page.locator("#freshness")).to_have_text("no answer; retrying")
    await page.clock.run_for(60_000)

    await expect(page.locator("#freshness")).to_have_text("no answer; retrying")
    await expect(page.locator("#notices")).to_contain_text("does not answer in time")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, "<h1>Bad</h1>", "Answer 500"),
        (502, "", "a proxy"),
        (200, "<h1>Please accept the terms</h1>", "cannot be read"),
    ],
)
async def test_answer_of_something_else_is_a_problem(admin: Watched, status: int, body: str, words: str) -> None:
    """A proxy answers with pages of its own, also with the status 200."""

    async def answer(route: Route) -> None:
        await route.fulfill(status=status, body=body, content_type="text/html")

    await admin.page.route("**/etl/sources", answer)
    page = await admin.open("sources")

    await expect(page.locator(".problem")).to_contain_text(words)
    await page.unroute("**/etl/sources")
    await page.get_by_role("button", name="Retry").click()
    await expect(page.get_by_role("region", name="crm")).to_be_visible()
    admin.problems.clear()


async def test_script_that_does_not_load_is_said(admin: Watched) -> None:
    """An address that breaks while the modules load must not leave an empty page."""
    await admin.page.route("**/assets/router.js", lambda route: route.abort())
    await admin.page.goto(admin.url)

    await expect(admin.page.locator("main")).to_contain_text("reload the page")
    admin.problems.clear()


async def test_user_of_another_client_opens(admin: Watched, store: Database) -> None:
    """Its fields have types and values that no request of the API makes."""
    odd = ObjectId()
    await store["users"].insert_one({
        "_id": odd, "email": None, "first_name": 5, "last_name": ["x"], "status": "constructor", "roles": "admin",
        "tags": None, "profile": "none", "created_at": now_utc(), "updated_at": "yesterday", "identities": [],
        "deleted_at": None, "version": 1,
    }, bypass_document_validation=True)  # fmt: skip
    await until(lambda: store["user_quality"].find_one({"_id": odd}))
    page = await admin.open(f"users/{odd}")

    await expect(page.get_by_role("region", name="Fields", exact=True)).to_contain_text(str(odd))
    await expect(page.get_by_role("button", name="Deactivate")).to_be_visible()
    await expect(page.get_by_role("region", name="Quality").first).to_contain_text("Violates")
    await admin.open("users")
    link = page.locator(f'#results a[href="#/users/{odd}"]')

    await expect(link).not_to_be_empty()
    await store["users"].delete_one({"_id": odd})


async def test_text_of_the_other_direction_stays_in_its_place(admin: Watched, store: Database) -> None:
    """A name that turns the direction must not turn the words beside it."""
    user_id = await make_user(store, "rtl@attacks.example", first_name=RTL.strip("\u202e"), last_name="x")
    page = await admin.open(f"users/{user_id}")
    await expect(page.locator("h1")).to_contain_text("משה")
    await admin.open("users")
    link = page.locator(f'#results a[href="#/users/{user_id}"]')

    await expect(link).to_have_css("unicode-bidi", "isolate")


async def test_focus_and_scrolled_place_survive_new_rows(admin: Watched, store: Database) -> None:
    """A refresh must not undo the sideways scroll of a table."""
    page = await admin.open("changes")
    # Wide, as with long values: a narrow window would show the cells of a row below each other.
    await page.evaluate("document.styleSheets[0].insertRule('table { min-width: 2000px }')")
    effects = page.get_by_role("region", name="Effects").last
    await expect(page.get_by_role("table", name="Effects")).to_be_visible()
    await effects.focus()
    await effects.evaluate("each => { each.scrollLeft = 60; }")
    assert await effects.evaluate("each => each.scrollLeft") > 0
    before = await effects.inner_text()
    await make_user(store, "scrolled@attacks.example")
    await store["change_effects"].update_one({"_id": "user_search"}, {"$inc": {"failures": 1}})

    await expect(effects).not_to_have_text(before)

    await expect(effects).to_be_focused()
    assert await effects.evaluate("each => each.scrollLeft") > 0
    await store["change_effects"].update_one({"_id": "user_search"}, {"$inc": {"failures": -1}})
