"""One service and one Chromium for all tests of the page.

Each test has a browser session of its own.

API, worker and listener run as in production. To start them takes longer than most tests, so the tests share one
store: each test makes users, runs and records of its own and looks only at these.
"""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from docustore.changes.effects.registry import DERIVED
from docustore.changes.status import wait_until_applied
from docustore.clock import now_utc
from docustore.database import Database
from docustore.document_models import bind_models
from docustore.effect_states import EFFECT_STATES
from docustore.embedded.ports import free_port
from docustore.embedded.service import api_command, listener_command, worker_command
from docustore.security.models import Scope
from docustore.security.sessions import create_link_token
from docustore.users.cause import Cause
from docustore.users.schemas import parse_user
from docustore.users.service import create_user
from indexes.apply import apply_indexes
from tests.conftest import Servers
from tests.database_pool import DatabasePool
from tests.waiting import PATIENCE_S, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
# Another program may take the port between the probe and the bind of the API.
PORT_ATTEMPTS = 5
expect.set_options(timeout=PATIENCE_S * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The running service.

    `folder` holds the files of the sources: `crm` reads `crm.ndjson`, `hr` a file that is not there.
    """

    url: str
    database: Database
    folder: Path
    worker: asyncio.subprocess.Process


@dataclass(slots=True)
class Watched:
    """A page of a signed-in browser, and what went wrong on it.

    The browser itself reports a refused request as an error on the console. A test that causes one clears the
    list.
    """

    page: Page
    url: str
    problems: list[str] = field(default_factory=list)

    async def open(self, view: str) -> Page:
        """Open a view, also if it is open already."""
        await self.page.goto("about:blank")
        await self.page.goto(f"{self.url}/#/{view}")
        await expect(self.page.locator("#content h1")).to_be_visible()
        return self.page

    async def confirm(self, label: str) -> None:
        """Answer the question of an action."""
        await self.confirm_and_read(label)
        await expect(self.page.locator("dialog")).to_have_count(0)

    async def confirm_and_read(self, label: str) -> None:
        """Answer the question of an action that shows something afterwards."""
        await self.page.locator("dialog").get_by_role("button", name=label, exact=True).click()


@pytest.fixture(scope="session")
async def service(
    servers: Servers, database_pool: DatabasePool, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    folder = tmp_path_factory.mktemp("page")
    name = database_pool.new()
    database = database_pool.client.get_database(name)
    await bind_models(database)
    await apply_indexes(database)
    (folder / "crm.ndjson").write_text("", "utf-8")
    sources = {
        "crm": {"kind": "file", "url": str(folder / "crm.ndjson"), "schedule": "0 3 * * *"},
        "hr": {"kind": "file", "url": str(folder / "absent.ndjson"), "schedule": "off"},
    }
    environment = {
        **os.environ,
        "DOCUSTORE_MONGODB_URL": servers.mongodb_url,
        "DOCUSTORE_REDIS_URL": servers.redis_url,
        "DOCUSTORE_MONGODB_DATABASE": name,
        "DOCUSTORE_DATA_DIR": str(folder),
        "DOCUSTORE_SEARCHES_PER_MIN": "0",
        "DOCUSTORE_EXPORTS_PER_MIN": "0",
        "DOCUSTORE_QUERIES_PER_MIN": "0",
        "DOCUSTORE_WEBHOOK_PRIVATE_NETWORKS": json.dumps(["127.0.0.0/8"]),
        "DOCUSTORE_SOURCES": json.dumps(sources),
    }
    processes = [await start(command, environment) for command in (listener_command(), worker_command())]
    try:
        for _ in range(PORT_ATTEMPTS):
            port = free_port()
            processes.append(await start(api_command(), {**environment, "DOCUSTORE_PORT": str(port)}))
            if await serves(processes[-1], f"http://127.0.0.1:{port}"):
                break
        yield Service(url=f"http://127.0.0.1:{port}", database=database, folder=folder, worker=processes[1])
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


@pytest.fixture(scope="session")
async def chromium(service: Service) -> AsyncIterator[Browser]:  # the service decides to skip
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        await chromium.close()


@pytest.fixture
async def store(service: Service) -> Database:
    """The store of the service; the models of the test process are bound to it."""
    await bind_models(service.database)
    return service.database


@pytest.fixture
def still_worker(service: Service) -> Iterator[None]:
    """Suspend the worker during a test.

    Each minute it ends alerts that have no cause, and stores the quality of the hour.
    """
    service.worker.send_signal(signal.SIGSTOP)
    yield
    service.worker.send_signal(signal.SIGCONT)


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    context = await chromium.new_context(
        locale="en-US", timezone_id="UTC", viewport={"width": 1280, "height": 800}
    )
    context.set_default_timeout(PATIENCE_S * 1000)
    yield context
    await context.close()


@pytest.fixture
async def anonymous(context: BrowserContext, service: Service) -> Watched:
    """A browser that is not signed in."""
    page = await context.new_page()
    watched = Watched(page, service.url)
    own = (service.url, "data:", "blob:", "about:")
    page.on("console", lambda said: said.type == "error" and watched.problems.append(said.text))
    page.on("pageerror", lambda error: watched.problems.append(str(error)))
    page.on("dialog", lambda dialog: watched.problems.append(f"a script opened a dialog: {dialog.message}"))
    page.on("request", lambda sent: sent.url.startswith(own) or watched.problems.append(f"foreign: {sent.url}"))
    return watched


@pytest.fixture(scope="session")
async def admin_session(chromium: Browser, service: Service) -> Any:
    """The cookie of one session with every right.

    For all tests: signing in takes seconds.
    """
    await bind_models(service.database)
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(f"{service.url}/login#token={await create_link_token(Scope.ADMIN)}")
    await expect(page.locator("#total")).to_be_visible()
    cookies = await context.cookies()
    await context.close()
    return cookies


@pytest.fixture
async def admin(anonymous: Watched, store: Database, admin_session: Any) -> AsyncIterator[Watched]:
    """A browser that is signed in with every right.

    At the end nothing may have gone wrong.
    """
    await anonymous.page.context.add_cookies(admin_session)
    yield anonymous
    assert anonymous.problems == []


async def sign_in(watched: Watched, scope: Scope) -> None:
    await watched.page.goto(f"{watched.url}/login#token={await create_link_token(scope)}")
    await expect(watched.page.locator("#total")).to_be_visible()


async def make_user(store: Database, email: str, *, at: datetime | None = None, **fields: Any) -> str:
    """Create a user that search, quality and analytics hold, and return its id."""
    given = parse_user({"email": email, **fields})
    user = await create_user(given, cause=Cause(actor="api:test"), now=at or now_utc())
    await until_everywhere(store)
    return str(user["_id"])


async def until_everywhere(store: Database) -> None:
    """Wait until the history and all that is derived from it hold every change."""
    seq = await wait_until_applied(store)
    for derived in DERIVED:
        current = {"_id": derived.name, "state": "live", "seq": {"$gte": seq}}
        await until(
            lambda current=current: store[EFFECT_STATES].find_one(current),  # type: ignore[misc]
            what=f"{derived.name} holds every change",
        )
