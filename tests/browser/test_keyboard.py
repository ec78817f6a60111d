"""The keyboard reaches everything, and the focus stays and can be seen."""

import pytest
from playwright.async_api import expect

from docustore.database import Database
from tests.browser.conftest import Watched, make_user
from tests.browser.test_appearance import example

pytestmark = pytest.mark.browser


async def test_keyboard_reaches_the_content(admin: Watched) -> None:
    """The first stop skips the views; a view that opens has the focus on its title."""
    page = await admin.open("users")
    await expect(page.locator("h1")).to_have_text("Users")

    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    await page.keyboard.press("Enter")
    await expect(page.locator("#content")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator("#q")).to_be_focused()
    await page.get_by_role("link", name="Changes").focus()
    await page.keyboard.press("Enter")

    await expect(page.locator("h1")).to_be_focused()
    await expect(page.locator("h1")).to_have_text("Changes")
    assert outline == "solid"


async def test_focus_survives_new_figures(admin: Watched, store: Database) -> None:
    """A view that follows the store must not take the focus away."""
    page = await admin.open("")
    link = page.get_by_role("link", name="active", exact=True)
    await link.focus()
    before = await page.locator("#total").inner_text()

    await make_user(store, "focus@example.org")

    await expect(page.locator("#total")).not_to_have_text(before)
    await expect(link).to_be_focused()


# Where the focus is: its outline, and whether it stands inside the window.
FOCUS = """() => {
  const element = document.activeElement;
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  const isSeen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return {
    name: `${element.tagName} ${element.id || element.className} ${element.textContent.slice(0, 30)}`,
    isMarked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
    isSeen, isPage: element === document.body, top: Math.round(box.top + scrollY),
  };
}"""
MAX_STOPS = 80


@pytest.mark.parametrize("width", [390, 1280])
async def test_each_stop_of_the_keyboard_can_be_seen(admin: Watched, store: Database, width: int) -> None:
    views = ["alerts", "queries", (await example(store))[-1]]
    await admin.page.set_viewport_size({"width": width, "height": 700})
    found = []

    for view in views:
        page = await admin.open(view)
        await expect(page.locator("#content [aria-busy=true]")).to_have_count(0)
        for _ in range(MAX_STOPS):
            await page.keyboard.press("Tab")
            stop = await page.evaluate(FOCUS)
            if stop["isPage"]:
                break
            if not (stop["isMarked"] and stop["isSeen"]):
                found.append(f"{view}: {stop}")

    assert found == []
