"""The first start: the views of a store without users.

Each has words and a next step, and no broken figure.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from docustore.document_models import bind_models
from docustore.embedded.ports import free_port
from docustore.embedded.service import api_command
from docustore.security.models import Scope
from indexes.apply import apply_indexes
from tests.browser.conftest import PORT_ATTEMPTS, Watched, serves, sign_in, start
from tests.conftest import Servers
from tests.database_pool import DatabasePool
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.browser
VIEWS = ["", "alerts", "users", "analytics", "queries", "quality", "quality/email_valid", "sources", "runs",
         "quarantine", "changes", "reports", "webhooks"]  # fmt: skip
WITHOUT_USERS = {"", "users", "analytics", "quality"}
BROKEN = re.compile(r"NaN|undefined|Infinity|\[object|null")


@pytest.fixture
async def newcomer(
    servers: Servers, database_pool: DatabasePool, tmp_path: Path, context: BrowserContext
) -> AsyncIterator[Watched]:
    """A signed-in browser at an API whose store is new; no listener has run."""
    name = database_pool.new()
    database = database_pool.client.get_database(name)
    await bind_models(database)
    await apply_indexes(database)
    environment = {
        **os.environ,
        "DOCUSTORE_MONGODB_URL": servers.mongodb_url,
        "DOCUSTORE_REDIS_URL": servers.redis_url,
        "DOCUSTORE_MONGODB_DATABASE": name,
        "DOCUSTORE_DATA_DIR": str(tmp_path),
    }
    for _ in range(PORT_ATTEMPTS):
        port = free_port()
        api = await start(api_command(), {**environment, "DOCUSTORE_PORT": str(port)})
        if await serves(api, f"http://127.0.0.1:{port}"):
            break
    page = await context.new_page()
    watched = Watched(page, f"http://127.0.0.1:{port}")
    page.on("pageerror", lambda error: watched.problems.append(str(error)))
    try:
        await sign_in(watched, Scope.ADMIN)
        yield watched
    finally:
        await page.close()
        api.terminate()
        await asyncio.wait_for(api.wait(), PATIENCE_S)


async def test_empty_store_has_words_and_next_steps(newcomer: Watched) -> None:
    found = []

    for view in VIEWS:
        page = await newcomer.open(view)
        await expect(page.locator("#content [aria-busy=true]")).to_have_count(0)
        text = await page.locator("#content").inner_text()
        found += [f"{view}: {word}" for word in BROKEN.findall(text)]
        found += [f"{view}: an empty chart"] * (await page.locator("#content .chart").count())
        bare = page.locator(".panel:not(:has(p, dl, table, form, input))")
        found += [f"{view}: no words: {text}" for text in await bare.all_inner_texts()]
        if view in WITHOUT_USERS:
            empty = page.locator(".empty", has_text="No users yet")
            found += [f"{view}: no next step"] * (
                await empty.locator("code", has_text="docustore import FILE").count() == 0
                or await empty.get_by_role("link", name="Sources").count() == 0
            )

    assert found == []
    assert newcomer.problems == []
