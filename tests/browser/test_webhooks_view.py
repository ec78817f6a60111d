"""Webhooks: create, watch, steer and delete them."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from docustore.database import Database
from tests.browser.conftest import Watched, make_user
from tests.http_service import Answer, HttpService
from tests.receiving import receiver
from tests.waiting import until

pytestmark = pytest.mark.browser


async def create(admin: Watched, url: str, **given: str) -> Page:
    """Create a webhook on the page; its secret is shown afterwards."""
    page = await admin.open("webhooks")
    await page.get_by_role("button", name="Create").click()
    await page.get_by_label("Address").fill(url)
    for label, text in given.items():
        await page.get_by_label(label).fill(text)
    await page.locator("dialog").get_by_role("button", name="Create").click()
    await expect(page.locator("#secret")).to_be_visible()
    return page


def received_more_than(service: HttpService, count: int) -> Callable[[], Awaitable[bool]]:
    async def is_true() -> bool:
        return len(service.requests) > count

    return is_true


async def test_webhook_is_created_paused_resumed_and_deleted(admin: Watched, store: Database) -> None:
    """The secret is shown once; what was missed is delivered on request."""
    async with receiver() as service:
        page = await create(admin, service.url, Description="to the CRM")
        secret = await page.locator("#secret").input_value()
        await page.get_by_role("button", name="Close").click()
        await page.get_by_role("table", name="Webhooks").get_by_role("link", name=service.url).click()
        await expect(page.locator("h1")).to_have_text("to the CRM")

        await page.get_by_role("button", name="Pause").click()
        await admin.confirm("Pause")
        await expect(page.locator("main")).to_contain_text("someone paused it")
        await make_user(store, "missed@webhooks.example")
        await page.get_by_role("button", name="Resume").click()
        await page.get_by_label("Also deliver what happened").check()
        await admin.confirm("Resume")
        await until(received_more_than(service, 0))
        deliveries = page.get_by_role("table", name="Deliveries")
        await expect(deliveries).to_contain_text("delivered")
        count = len(service.requests)
        await deliveries.get_by_role("button", name="Replay").first.click()
        await until(received_more_than(service, count))

    await page.get_by_role("button", name="Rotate secret").click()
    await admin.confirm_and_read("Rotate secret")
    rotated = await page.locator("#secret").input_value()
    await page.get_by_role("button", name="Close").click()
    await page.get_by_role("button", name="Delete").click()
    await admin.confirm("Delete")
    await expect(page.locator("h1")).to_have_text("Webhooks")
    assert secret.startswith("whsec_")
    assert rotated not in {"", secret}
    assert await store["webhooks"].count_documents({"url": service.url}) == 0


async def test_refused_delivery_is_shown_in_full(admin: Watched, store: Database) -> None:
    async with receiver(lambda _: Answer(status=503, body=b"down for repairs")) as service:
        page = await create(admin, service.url)
        await page.get_by_role("button", name="Close").click()
        await make_user(store, "refused@webhooks.example")
        await page.get_by_role("table", name="Webhooks").get_by_role("link", name=service.url).click()

        await expect(page.get_by_role("table", name="Deliveries").locator(".cause").first).to_contain_text("503")
        await page.get_by_role("button", name="Send a test").click()
        await expect(page.locator("#said")).to_contain_text("Not taken")
        await expect(page.get_by_role("button", name="Send a test")).to_be_focused()

    await page.get_by_role("button", name="Delete").click()
    await admin.confirm("Delete")


async def test_impossible_address_stays_in_the_question(admin: Watched) -> None:
    """What was typed is not lost when the server refuses it."""
    page = await admin.open("webhooks")
    await page.get_by_role("button", name="Create").click()
    await page.get_by_label("Address").fill("http://10.0.0.1/hook")
    await page.locator("dialog").get_by_role("button", name="Create").click()

    await expect(page.locator("dialog .problem")).to_contain_text("/url")
    await expect(page.get_by_label("Address")).to_have_value("http://10.0.0.1/hook")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Create")).to_be_focused()
    assert [each for each in admin.problems if "422" not in each] == []
    admin.problems.clear()
