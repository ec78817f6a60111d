"""The browser's own zoom: 200 % and 400 % of a window of 1280 by 1024 pixels.

Zoom makes the window smaller in CSS pixels, in both directions, and each pixel larger.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from docustore.database import Database
from tests.browser.conftest import Service, Watched
from tests.browser.test_appearance import example

pytestmark = pytest.mark.browser
ZOOMS = [2, 4]
DIALOGS = {"webhooks": "Create", "reports": "Create", "changes": "Start anew", "queries": "Save as"}
# What is cut off: a button or a field whose text does not fit into its box, or that lies beside the window.
CUT = """() => [...document.querySelectorAll("#content button, #content select, #content a.button, dialog *")]
  .filter((each) => each.checkVisibility())
  .filter((each) => {
    const box = each.getBoundingClientRect();
    return box.left < -1 || box.right > innerWidth + 1;
  })
  .filter((each) => !each.closest(".scroll, .long-text"))
  .map((each) => `${each.tagName} ${each.className} ${each.textContent.slice(0, 30)}`)"""


@pytest.fixture(params=ZOOMS)
async def zoomed(
    request: pytest.FixtureRequest, chromium: Browser, service: Service, store: Database, admin_session: Any
) -> AsyncIterator[Watched]:
    context = await chromium.new_context(
        viewport={"width": 1280 // request.param, "height": 1024 // request.param},
        device_scale_factor=request.param,
    )
    await context.add_cookies(admin_session)
    yield Watched(await context.new_page(), service.url)
    await context.close()


async def test_zoomed_views_fit_the_window(zoomed: Watched, store: Database) -> None:
    """Nothing scrolls sideways, and no control lies beside the window."""
    found = []

    for view in await example(store):
        page = await zoomed.open(view)
        await expect(page.locator("#content [aria-busy=true]")).to_have_count(0)
        wide, window = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        found += [f"{view}: {wide} wide"] * (wide > window)
        found += [f"{view}: cut: {text}" for text in await page.evaluate(CUT)]

    assert found == []


async def test_zoomed_dialogs_can_be_answered(zoomed: Watched, store: Database) -> None:
    """A dialog higher than the window scrolls to its last button."""
    for view, label in DIALOGS.items():
        page = await zoomed.open(view)
        await page.get_by_role("button", name=label, exact=True).first.click()

        await reachable(page)

        await page.keyboard.press("Escape")


async def reachable(page: Page) -> None:
    button = page.locator("dialog button").last
    await button.scroll_into_view_if_needed()
    await expect(button).to_be_in_viewport(ratio=1)
    assert await page.evaluate(CUT) == []
    title = page.locator("dialog h2")
    await title.scroll_into_view_if_needed()
    await expect(title).to_be_in_viewport(ratio=1)
