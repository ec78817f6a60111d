"""The views are usable at each width and in both themes.

A key that may only read sees no refused buttons.
"""

from datetime import timedelta
from uuid import uuid4

import pytest
from bson.timestamp import Timestamp
from playwright.async_api import expect

from docustore.analytics.query.model import QueryInput
from docustore.analytics.query.saved.bodies import SavedQueryInput
from docustore.analytics.query.saved.store import Writer, save
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.etl.alert_outbox import enqueue_message
from docustore.etl.incidents import IncidentKind, open_incident
from docustore.etl.models import EtlRun, QuarantinedRecord, RunState, RunTrigger
from docustore.reports.bodies import ReportInput
from docustore.reports.store import save_report
from docustore.security.models import Scope
from docustore.webhooks.bodies import WebhookInput
from docustore.webhooks.service import create_webhook, delete_webhook
from tests.browser.conftest import Watched, make_user, sign_in

pytestmark = pytest.mark.browser
VIEWS = ["", "alerts", "users", "analytics", "queries", "quality", "quality/email_valid", "sources", "runs",
         "quarantine", "changes"]  # fmt: skip
ADMIN_VIEWS = ["reports", "webhooks"]
LONG = "n" * 120
# The contrast of each visible text with its ground, by WCAG 2.2. The page's grounds are plain colours.
CONTRAST = """() => {
  const light = (text) => {
    const parts = text.match(/[\\d.]+/g).map(Number);
    const [r, g, b] = parts.slice(0, 3).map((part) => (text.startsWith("color(") ? part : part / 255))
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return { value: 0.2126 * r + 0.7152 * g + 0.0722 * b, alpha: parts[3] ?? 1 };
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const found = light(getComputedStyle(each).backgroundColor);
      if (found.alpha === 1) return found.value;
    }
    return 1;
  };
  const weak = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const isHidden = !element.checkVisibility({ visibilityProperty: true });
    if (!hasText || isHidden || element.closest("svg, option, :disabled")) continue;
    const [a, b] = [light(getComputedStyle(element).color).value, ground(element)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) weak.push(`${element.className} "${element.textContent.slice(0, 30)}" ${contrast}`);
  }
  return weak;
}"""


async def example(store: Database) -> list[str]:
    """Make an example of everything, with long names; return all views."""
    user_id = await make_user(
        store,
        f"{uuid4().hex}-{'long-' * 4}name@appearance.example",
        first_name="Ann",
        last_name="x" * 60,
        profile={"bio": "b" * 300},
    )
    now = now_utc()
    run = EtlRun(
        source="hr", trigger=RunTrigger.API, state=RunState.FAILED, created_at=now, started_at=now,
        finished_at=now, error="e" * 200,
    )  # fmt: skip
    await run.insert()
    record = QuarantinedRecord(
        source="crm", fingerprint=user_id, run_id=str(run.id), identity_key=f"crm:{user_id}", position="1",
        raw="{}", raw_bytes=2, errors=[{"pointer": "/email", "code": "missing", "detail": "d" * 200}],
        first_seen_at=now, last_seen_at=now,
    )  # fmt: skip
    await record.insert()
    return [
        *VIEWS,
        f"users/{user_id}",
        f"runs/{run.id}",
        f"quarantine/{record.id}",
        *await example_of_admin(store),
    ]


async def example_of_admin(store: Database) -> list[str]:
    """Make one of each kind with a long name; return their views."""
    now, name = now_utc(), f"appearance-{LONG}"[:64]
    where = f"https://{'long-' * 8}name.example/{LONG}"
    settings = Settings(mongodb_url="mongodb://nowhere", redis_url="redis://nowhere")
    for collection in ("analytics_queries", "analytics_reports", "report_deliveries"):
        await store[collection].delete_many({})
    for webhook in await store["webhooks"].find({}).to_list():
        await delete_webhook(store, webhook["_id"], actor="api:test")
    question = SavedQueryInput(query=QueryInput(metrics=["users"], dimensions=["status"]), description=LONG)
    writer = Writer(actor="api:test", is_admin=True)
    await save(store, name, question, writer=writer, if_match=None, now=now)
    report = ReportInput(query=name, schedule="0 7 1 1 *", webhook_url=where)
    await save_report(store, settings, name, report, if_match=None, actor="api:test", now=now)
    await store["report_deliveries"].insert_one({
        "report": name, "slot": now, "state": "failed", "attempts": 10, "due_at": now, "error": LONG, "rows": None,
        "created_at": now, "finished_at": now, "expires_at": now + timedelta(days=1),
    })  # fmt: skip
    webhook_id, _ = await create_webhook(
        store, settings, WebhookInput(url=where, description=LONG), actor="api:test"
    )
    await open_incident(store, IncidentKind.RUN_HELD, LONG, at=now, is_told=False, run_id=LONG, error=LONG)
    await enqueue_message(store, uuid4().hex, event="etl.overdue", at=now, facts={"source": LONG})
    return [f"queries/{name}", *ADMIN_VIEWS, f"reports/{name}", f"webhooks/{webhook_id}"]


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (390, "dark"), (1280, "light")])
async def test_views_fit_the_window_and_can_be_read(
    admin: Watched, store: Database, width: int, scheme: str
) -> None:
    views = await example(store)
    await admin.page.set_viewport_size({"width": width, "height": 800})
    await admin.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    found = []

    for view in views:
        page = await admin.open(view)
        await expect(page.locator("#content [aria-busy=true]")).to_have_count(0)
        actual = await page.evaluate("document.documentElement.scrollWidth")
        found += [f"{view}: {actual} wide"] * (actual > width)
        found += [f"{view}: {weak}" for weak in await page.evaluate(CONTRAST)]
        assert await page.locator("main h1").count() == 1, view

    assert found == []


@pytest.mark.parametrize(
    ("width", "views"), [(390, ("quality", "runs", "changes")), (1280, ("users?q=sideways",))]
)
async def test_tables_of_lists_need_no_scrolling_sideways(
    admin: Watched, store: Database, width: int, views: tuple[str, ...]
) -> None:
    """What is beyond the edge is not seen, and narrow columns break words."""
    await example(store)
    now = now_utc()
    letter = {
        "_id": "sideways", "key": b"", "user_id": "u" * 24, "operation": "update", "state": "failed",
        "error": "WriteError", "code": 121, "reason": "Document failed validation", "attempts": 8,
        "cluster_time": None, "wall_time": now,
    }  # fmt: skip
    gap = {
        "_id": "sideways", "reason": "position_lost", "code": 286, "policy": "snapshot", "seq": 1,
        "detected_at": now, "lost_after": Timestamp(now, 1), "closed_at": now, "rows": 12_345,
    }  # fmt: skip
    await store["change_dead_letters"].insert_one(letter)
    await store["change_gaps"].insert_one(gap)
    long = {"roles": ["r" * 40], "tags": ["t" * 40], "profile": {"location": "L" * 100}}
    await make_user(store, f"{uuid4().hex}@sideways.example", first_name="Ann", last_name="B", **long)
    await admin.page.set_viewport_size({"width": width, "height": 800})
    beyond = {}

    for view in views:
        page = await admin.open(view)
        await expect(page.locator("#content [aria-busy=true]")).to_have_count(0)
        await expect(page.locator("main .scroll").first).to_be_visible()
        beyond[view] = await page.evaluate(
            "[...document.querySelectorAll('main .scroll')].map((each) => each.scrollWidth - each.clientWidth)"
        )
    for collection in ("change_dead_letters", "change_gaps"):
        await store[collection].delete_one({"_id": "sideways"})

    assert {view: max(widths) for view, widths in beyond.items()} == dict.fromkeys(views, 0)


async def test_reader_sees_no_button_that_would_be_refused(anonymous: Watched, store: Database) -> None:
    views = await example(store)
    await sign_in(anonymous, Scope.READ)
    labels = set()

    for view in views:
        page = await anonymous.open(view)
        await expect(page.locator("#content [aria-busy=true]")).to_have_count(0)
        labels |= set(await page.locator("main button").all_inner_texts())

    assert labels <= {"Show more", "Export", "Export CSV", "Run", "Explain", "Add a filter"}
    assert anonymous.problems == []


async def test_theme_is_switched_and_remembered(admin: Watched) -> None:
    page = await admin.open("")
    await page.emulate_media(color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(ground)

    await page.get_by_role("button", name="Dark theme").click()
    dark = await page.evaluate(ground)
    await page.reload()

    assert light != dark == await page.evaluate(ground)
    await expect(page.get_by_role("button", name="Light theme")).to_be_visible()


async def test_silent_server_is_said(admin: Watched) -> None:
    """What was loaded stays, with its age."""
    page = await admin.open("")
    total = await page.locator("#total").inner_text()

    await page.context.set_offline(offline=True)
    await expect(page.locator("#notices")).to_contain_text("The server does not answer")
    await expect(page.locator("#freshness")).to_have_text("no answer; retrying")
    await expect(page.locator("#total")).to_have_text(total)
    await page.context.set_offline(offline=False)

    await expect(page.locator("#notices")).to_be_empty()
    admin.problems.clear()


async def test_text_of_double_size_fits_the_window(admin: Watched, store: Database) -> None:
    """With larger letters in the browser nothing is cut off."""
    views = ["", "users", "alerts", *(await example(store))[-5:]]
    found = []

    for view in views:
        page = await admin.open(view)
        await expect(page.locator("#content [aria-busy=true]")).to_have_count(0)
        await page.evaluate("document.documentElement.style.fontSize = '200%'")
        size = await page.evaluate("getComputedStyle(document.body).fontSize")
        found += [f"{view}: text of {size}"] * (size != "28px")
        actual = await page.evaluate("document.documentElement.scrollWidth")
        found += [f"{view}: {actual} wide"] * (actual > 1280)

    assert found == []


async def test_print_has_the_content_and_no_buttons(admin: Watched) -> None:
    """Printed from a dark page, it is dark on white."""
    page = await admin.open("quality")
    await page.emulate_media(color_scheme="dark", media="print")

    await expect(page.locator(".side")).to_be_hidden()
    await expect(page.get_by_role("button", name="Check all users")).to_be_hidden()
    await expect(page.locator("#score")).to_be_visible()
    await expect(page.locator(".panel:not(.bare)").first).to_have_css("background-color", "rgb(255, 255, 255)")


async def test_nothing_moves_for_who_asks_for_that(admin: Watched) -> None:
    page = await admin.open("")
    await page.emulate_media(reduced_motion="reduce")
    moving = """() => [...document.querySelectorAll("*")].filter((each) => {
      const style = getComputedStyle(each);
      return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
    }).map((each) => each.className)"""

    await expect(page.locator(".stack span").first).to_be_visible()
    assert await page.evaluate(moving) == []


async def test_present_view_is_in_sight_among_the_views(admin: Watched) -> None:
    """In a narrow window the list of views scrolls sideways."""
    await admin.page.set_viewport_size({"width": 390, "height": 800})
    page = await admin.open("webhooks")

    await expect(page.locator('[data-view="webhooks"]')).to_be_in_viewport()


@pytest.mark.parametrize("width", [320, 390])
async def test_narrow_window_has_two_lines_above_the_views(admin: Watched, width: int) -> None:
    """The name and the state, then all buttons: none of them stands alone on a line."""
    await admin.page.set_viewport_size({"width": width, "height": 800})
    page = await admin.open("")
    await expect(page.locator("#freshness")).to_have_text("live")
    parts = page.locator(".side .wordmark, #freshness, .side .note, #theme, .side [href='/schema/docs'], #logout")

    lines = await parts.evaluate_all(
        """(parts) => parts.map((part) => part.getBoundingClientRect())
          .map(({ top, bottom }) => Math.round((top + bottom) / 2))"""
    )

    assert len(lines) == 6
    assert len(set(lines)) == 2
