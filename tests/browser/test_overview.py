"""The first view, and the way in and out."""

import asyncio
from http import HTTPStatus

import pytest
from playwright.async_api import Response, Route, expect

from docustore.clock import now_utc
from docustore.database import Database
from docustore.etl.models import Counts, EtlRun, QuarantinedRecord, RunOptions, RunState, RunTrigger
from docustore.security.models import Scope
from docustore.security.sessions import create_link_token
from tests.browser.conftest import Watched, make_user, sign_in

pytestmark = pytest.mark.browser


async def test_sign_in_and_out(anonymous: Watched, store: Database) -> None:  # binds the models
    token, page, url = await create_link_token(Scope.READ), anonymous.page, anonymous.url

    await page.goto(url)
    assert page.url == f"{url}/login"
    await page.fill("#key", "dsk_wrong_key")
    await page.click("button[type=submit]")
    await expect(page.locator("#problem")).to_contain_text("unknown")
    # The browser itself reports the 401 response as an error on the console.
    assert [problem for problem in anonymous.problems if "401" not in problem] == []
    anonymous.problems.clear()
    await page.goto(f"{url}/login#token={token}")
    await expect(page.locator("#total")).to_be_visible()
    assert page.url == f"{url}/"
    await page.click("#logout")
    await expect(page).to_have_url(f"{url}/login")

    assert await page.context.cookies() == []
    assert anonymous.problems == []
    await page.goto(f"{url}/login#token={token}")
    await expect(page.locator("#problem")).to_contain_text("link was used before")
    assert token not in page.url


async def test_lost_session_leads_back_to_its_view(anonymous: Watched, store: Database) -> None:
    """The page goes to the login and back to its view."""
    user_id, page = await make_user(store, "lost-session@example.org"), anonymous.page
    await sign_in(anonymous, Scope.READ)
    await anonymous.open(f"users/{user_id}")
    await page.context.clear_cookies()

    await expect(page).to_have_url(f"{anonymous.url}/login")
    await page.goto(f"{anonymous.url}/login#token={await create_link_token(Scope.READ)}")

    await expect(page.locator("h1")).to_have_text("lost-session@example.org")
    assert page.url == f"{anonymous.url}/#/users/{user_id}"
    assert [problem for problem in anonymous.problems if "401" not in problem] == []


async def test_many_refusals_lead_to_the_login_once(anonymous: Watched, store: Database) -> None:
    """A second navigation would abort the first, and a slow login would never open."""
    page, refused = anonymous.page, asyncio.Semaphore(0)
    navigations: list[str] = []
    await sign_in(anonymous, Scope.READ)

    def note_refusal(answer: Response) -> None:
        if answer.status == HTTPStatus.UNAUTHORIZED:
            refused.release()

    async def hold_login(route: Route) -> None:
        navigations.append(route.request.url)
        for _ in range(3):
            await refused.acquire()
        await route.continue_()

    page.on("response", note_refusal)
    await page.route("**/login", hold_login)
    await page.context.clear_cookies()
    await page.evaluate("window.location.hash = '#/analytics'")

    await expect(page.locator("#key")).to_be_visible()
    assert navigations == [f"{anonymous.url}/login"]


async def test_figures_follow_the_store(admin: Watched, store: Database) -> None:
    now = now_utc()
    await make_user(store, "figures-1@example.org", status="suspended")
    counts = Counts(read=3000, inserted=2999, unchanged=1)
    await EtlRun(
        source="crm", trigger=RunTrigger.CLI, state=RunState.SUCCEEDED, created_at=now, started_at=now,
        finished_at=now, duration_s=2.5, records_per_s=1200.0, counts=counts,
    ).insert()  # fmt: skip
    await EtlRun(
        source="hr", trigger=RunTrigger.CLI, state=RunState.SUCCEEDED, created_at=now, started_at=now,
        finished_at=now, options=RunOptions(dry_run=True), counts=Counts(read=7, inserted=7),
    ).insert()  # fmt: skip
    await QuarantinedRecord(
        source="crm", fingerprint="figures", run_id="r", position="1", raw="{}", raw_bytes=2,
        errors=[{"pointer": "/email", "code": "email_malformed", "detail": "d"}],
        first_seen_at=now, last_seen_at=now,
    ).insert()  # fmt: skip

    page = await admin.open("")
    before = int(await page.locator("#total").inner_text())
    await expect(page.locator("#statuses")).to_contain_text("suspended")
    await expect(page.locator("#lag")).to_have_text("caught up")
    await expect(page.get_by_role("region", name="Quarantine by reason")).to_contain_text("email malformed")
    runs = page.get_by_role("table", name="Runs")
    await expect(runs).to_contain_text("3,000")
    await expect(runs).to_contain_text("cli, dry run")
    await expect(page.get_by_role("region", name="Last run")).to_contain_text("3,000")
    await make_user(store, "figures-2@example.org")

    await expect(page.locator("#total")).to_have_text(str(before + 1))


async def test_chart_shows_old_registrations(admin: Watched, store: Database) -> None:
    """The range of the chart is that of the data."""
    page = await admin.open("")
    trend = page.get_by_role("region", name="Registrations", exact=True)

    await make_user(store, "trend@example.org")

    await expect(trend.locator(".bar")).not_to_have_count(0)
    await trend.get_by_text("Show the numbers").click()
    await expect(trend.get_by_role("table")).to_be_visible()


async def test_reference_opens(admin: Watched) -> None:
    await admin.page.goto(f"{admin.url}/schema/docs")

    await admin.page.wait_for_selector(".opblock")
    assert await admin.page.locator(".opblock").count() > 20
