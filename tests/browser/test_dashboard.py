"""The dashboard in a real browser, served by the API process."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import httpx2
import pytest
from playwright.async_api import Page, async_playwright, expect

from docustore.changes.status import change_status
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.embedded.ports import free_port
from docustore.embedded.service import api_command, listener_command
from docustore.etl.models import Counts, EtlRun, QuarantinedRecord, RunOptions, RunState, RunTrigger
from docustore.security.models import Scope
from docustore.security.sessions import create_link_token
from docustore.users.cause import Cause
from docustore.users.schemas import parse_user
from docustore.users.service import create_user
from tests.waiting import PATIENCE_S, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
# Another program may take the port between the probe and the bind of the API.
PORT_ATTEMPTS = 5
expect.set_options(timeout=PATIENCE_S * 1000)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@dataclass(slots=True)
class Watched:
    """A browser page and the problems that occurred on it."""

    page: Page
    problems: list[str] = field(default_factory=list)


@pytest.fixture
async def url(database: Database, settings: Settings) -> AsyncIterator[str]:
    """The URL of the API; API and listener run as in production."""
    environment = {
        **os.environ,
        "DOCUSTORE_MONGODB_URL": str(settings.mongodb_url),
        "DOCUSTORE_REDIS_URL": str(settings.redis_url),
        "DOCUSTORE_MONGODB_DATABASE": settings.mongodb_database,
    }
    processes = [await start(listener_command(), environment)]
    try:
        for _ in range(PORT_ATTEMPTS):
            port = free_port()
            processes.append(await start(api_command(), {**environment, "DOCUSTORE_PORT": str(port)}))
            if await serves(processes[-1], f"http://127.0.0.1:{port}"):
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                process.terminate()
        for process in processes:
            await asyncio.wait_for(process.wait(), PATIENCE_S)


async def start(command: tuple[str, ...], environment: dict[str, str]) -> asyncio.subprocess.Process:
    silent = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=silent, stderr=silent)


async def serves(api: asyncio.subprocess.Process, url: str) -> bool:
    """Wait until the API is ready.

    False if the process ended because another program took its port.
    """

    async def is_decided() -> bool:
        return api.returncode is not None or await is_ready(url)

    await until(is_decided, what="API ready")
    return api.returncode is None


async def is_ready(url: str) -> bool:
    async with httpx2.AsyncClient() as client:
        try:
            return (await client.get(f"{url}/health/ready")).status_code == 200
        except httpx2.TransportError:
            return False


@pytest.fixture
async def browser(url: str) -> AsyncIterator[Watched]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await chromium.new_page(locale="en-US")
        page.set_default_timeout(PATIENCE_S * 1000)
        watched = Watched(page)
        page.on("console", lambda said: said.type == "error" and watched.problems.append(said.text))
        page.on("pageerror", lambda error: watched.problems.append(str(error)))
        page.on(
            "request",
            lambda sent: sent.url.startswith((url, "data:")) or watched.problems.append(f"foreign: {sent.url}"),
        )
        yield watched
        await chromium.close()


async def fill(database: Database) -> None:
    now = now_utc()
    people = [("Ada", "Lovelace", "active"), ("Zoë", "Łącka", "active"), ("Joe", "Doe", "suspended")]
    for first, last, status in people:
        given = {"email": f"{first}@example.org", "first_name": first, "last_name": last, "status": status}
        await create_user(parse_user(given), cause=Cause(actor="api:test"), now=now)
    await EtlRun(
        source="crm", trigger=RunTrigger.CLI, state=RunState.SUCCEEDED, created_at=now, started_at=now,
        finished_at=now, duration_s=2.5, records_per_s=1200.0, counts=Counts(read=3000, inserted=2999),
    ).insert()  # fmt: skip
    await EtlRun(
        source="hr", trigger=RunTrigger.CLI, state=RunState.SUCCEEDED, created_at=now + timedelta(seconds=1),
        started_at=now, finished_at=now, options=RunOptions(dry_run=True), counts=Counts(read=7),
    ).insert()  # fmt: skip
    await QuarantinedRecord(
        source="crm", fingerprint="f", run_id="r", position="1", raw="{}", raw_bytes=2,
        errors=[{"pointer": "/email", "code": "email_malformed", "detail": "d"}],
        first_seen_at=now, last_seen_at=now,
    ).insert()  # fmt: skip

    async def is_caught_up() -> bool:
        return (await change_status(database)).is_caught_up

    await until(is_caught_up, what="listener caught up")


async def test_sign_in_figures_and_search(browser: Watched, url: str, database: Database) -> None:
    """One test for all steps: the browser and two processes take seconds to start."""
    await fill(database)
    token = await create_link_token(Scope.READ)
    page = browser.page

    await page.goto(url)
    assert page.url == f"{url}/login"
    await page.fill("#key", "dsk_wrong_key")
    await page.click("button[type=submit]")
    await expect(page.locator("#problem")).to_contain_text("unknown")
    # The browser itself reports the 401 response as an error on the console.
    assert [problem for problem in browser.problems if "401" not in problem] == []
    browser.problems.clear()

    await page.goto(f"{url}/login#token={token}")
    await expect(page.locator("#total")).to_have_text("3")
    assert page.url == f"{url}/"
    await expect(page.locator("#statuses .suspended dd")).to_have_text("133 %", use_inner_text=False)
    await expect(page.locator("#lag")).to_have_text("caught up")
    await expect(page.locator("#reasons")).to_contain_text("email malformed")
    await expect(page.locator("#runs")).to_contain_text("3,000")
    await expect(page.locator("#runs")).to_contain_text("cli, dry run")
    await expect(page.locator("#last-facts")).to_contain_text("succeeded, crm")
    await expect(page.locator("#trend .day")).to_have_count(60)

    await page.fill("#q", "lack")
    await expect(page.locator("#results td.name")).to_have_text(["Zoë Łącka"])
    await page.fill("#q", "no such name")
    await expect(page.locator("#results")).to_contain_text("No users found")

    await create_user(parse_user({"email": "new@example.org"}), cause=Cause(actor="api:test"), now=now_utc())
    await expect(page.locator("#total")).to_have_text("4")

    await page.goto(f"{url}/schema/docs")
    await page.wait_for_selector(".opblock")
    assert await page.locator(".opblock").count() > 20

    await page.goto(url)
    await page.click("#logout")
    await page.wait_for_url(f"{url}/login")
    assert await page.context.cookies() == []
    assert browser.problems == []
    await page.goto(f"{url}/login#token={token}")
    await expect(page.locator("#problem")).to_contain_text("link was used before")
    assert token not in page.url


@pytest.mark.parametrize("width", [1280, 390])
async def test_page_is_never_wider_than_the_window(
    browser: Watched, url: str, database: Database, width: int
) -> None:
    await fill(database)
    token = await create_link_token(Scope.READ)
    await browser.page.set_viewport_size({"width": width, "height": 800})

    await browser.page.goto(f"{url}/login#token={token}")
    await expect(browser.page.locator("#total")).to_have_text("3")

    assert await browser.page.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.problems == []
