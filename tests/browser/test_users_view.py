"""Users: find, open, change and export them."""

import hashlib

import pytest
from bson import ObjectId
from playwright.async_api import expect

from docustore.clock import now_utc
from docustore.database import Database
from docustore.etl.models import EtlRun, QuarantinedRecord, RunState, RunTrigger
from docustore.etl.pause import pause_source, resume_source
from tests.browser.conftest import Watched, make_user
from tests.waiting import until

pytestmark = pytest.mark.browser
SCRIPT = '<img src="x" onerror="alert(1)"><script>alert(1)</script>'


async def test_search_and_filters(admin: Watched, store: Database) -> None:
    """The filters stand in the address, so that a list can be shared."""
    await make_user(store, "zoe@filters.example", first_name="Zoë", last_name="Łącka", tags=["filter-tag"])
    await make_user(store, "joe@filters.example", first_name="Joe", status="suspended", tags=["filter-tag"])
    page = await admin.open("users")
    names = page.locator("#results tbody th")

    await page.get_by_label("Name or e-mail address").fill("lack")
    await expect(names).to_have_text(["Zoë Łącka"])
    await expect(page.locator("#matches")).to_contain_text("1 user")
    await page.get_by_label("Name or e-mail address").fill("no such name")
    await expect(page.locator("#results")).to_contain_text("No users found")
    await page.get_by_label("Name or e-mail address").fill("")
    await page.get_by_label("Tag").fill("filter-tag")
    await expect(names).to_have_text(["Joe", "Zoë Łącka"])
    await page.get_by_label("Status").select_option("suspended")
    await expect(names).to_have_text(["Joe"])
    await page.reload()

    await expect(names).to_have_text(["Joe"])
    assert "status=suspended" in page.url


async def test_user_opens_with_all_its_parts(admin: Watched, store: Database) -> None:
    user_id = await make_user(store, "parts@example.org", first_name="Ada", profile={"location": "London"})
    page = await admin.open("users?tag=&q=parts%40example.org")

    await page.locator("#results tbody a").click()

    await expect(page.locator("h1")).to_be_focused()
    assert page.url.endswith(f"#/users/{user_id}")
    await expect(page.get_by_role("region", name="Fields", exact=True)).to_contain_text("London")
    await expect(page.get_by_role("region", name="Identities").first).to_contain_text("this service")
    quality = page.get_by_role("region", name="Quality")
    await expect(quality).to_contain_text("The last name is given.")
    await expect(quality).to_contain_text("Correct the record in its source")
    history = page.get_by_role("region", name="History")
    await expect(history).to_contain_text("by api:test")
    await history.get_by_text("Created with").click()
    await expect(history.get_by_role("row", name="profile.location London")).to_be_visible()


async def test_change_asks_first_and_shows_both_values(admin: Watched, store: Database) -> None:
    user_id = await make_user(store, "change@example.org", first_name="Ada")
    page = await admin.open(f"users/{user_id}")
    history = page.get_by_role("region", name="History")

    await page.get_by_role("button", name="Suspend").click()
    # Enter must not do something costly by accident, and Escape does nothing at all.
    await expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Suspend")).to_be_focused()
    await page.get_by_role("button", name="Suspend").click()
    await admin.confirm("Suspend")
    await expect(page.locator("#said")).to_have_text("Done: suspend.")
    await expect(page.get_by_role("button", name="Activate", exact=True)).to_be_visible()
    await expect(history.get_by_role("row", name="status active suspended")).to_be_visible(timeout=60_000)
    await history.get_by_role("button", name="Restore").click()
    await admin.confirm("Restore")

    await expect(history.get_by_role("row", name="status suspended active")).to_be_visible(timeout=60_000)


async def test_unknown_user_is_one_problem_with_a_next_step(admin: Watched) -> None:
    page = await admin.open("users/nobody")

    problem = page.locator(".problem")
    await expect(problem).to_have_count(1)
    await expect(problem).to_contain_text("Not found")
    await expect(problem).to_contain_text("no user nobody")
    await expect(problem).to_contain_text("Next step: Check the path and the id")
    assert [each for each in admin.problems if "404" not in each] == []
    admin.problems.clear()


async def test_deleted_user_is_restored(admin: Watched, store: Database) -> None:
    user_id = await make_user(store, "deleted@example.org")
    page = await admin.open("")
    answer = await page.evaluate(
        "id => fetch(`/users/${id}`, {method: 'DELETE', headers: {'If-Match': '*'}}).then(a => a.status)", user_id
    )
    assert answer == 204

    await admin.open(f"users/{user_id}")
    await expect(page.locator("#content")).to_contain_text("This user is deleted")
    await page.get_by_role("button", name="Restore", exact=True).first.click()
    await admin.confirm("Restore")

    await expect(page.locator("h1")).to_have_text("deleted@example.org")
    assert [each for each in admin.problems if "410" not in each] == []
    admin.problems.clear()


async def test_export_has_the_filters_of_the_list(admin: Watched, store: Database) -> None:
    await make_user(store, "one@export.example", tags=["exported"])
    await make_user(store, "two@export.example", tags=["exported"], status="suspended")
    page = await admin.open("users?tag=exported&status=suspended")
    await expect(page.locator("#results tbody th")).to_have_count(1)

    async with page.expect_download() as started:
        await page.click("#export")
    download = await started.value
    content = (await download.path()).read_bytes()

    result = page.locator(".export-result")
    await expect(result).to_contain_text("Exported 1 user")
    await expect(result).to_contain_text(hashlib.sha256(content).hexdigest())
    assert b"two@export.example" in content
    assert b"one@export.example" not in content
    assert download.suggested_filename.endswith(".csv")


async def test_no_text_of_strangers_runs(admin: Watched, store: Database) -> None:
    """A script in a name, reason or error is shown and does not run."""
    user_id = await make_user(
        store, "script@example.org", first_name=SCRIPT, last_name="x", roles=["r"], profile={"location": SCRIPT}
    )
    now = now_utc()
    run = EtlRun(
        source="crm", trigger=RunTrigger.API, state=RunState.FAILED, created_at=now, started_at=now,
        finished_at=now, error=SCRIPT, quality={f"/email {SCRIPT}": 1},
    )  # fmt: skip
    await run.insert()
    record = QuarantinedRecord(
        source="crm", fingerprint="script", run_id=str(run.id), identity_key=f"crm:{SCRIPT}", position="1",
        raw=SCRIPT, raw_bytes=9, errors=[{"pointer": f"/{SCRIPT}", "code": SCRIPT, "detail": SCRIPT}],
        first_seen_at=now, last_seen_at=now,
    )  # fmt: skip
    await record.insert()
    await pause_source(store, "hr", reason=SCRIPT, actor=SCRIPT)
    await until(lambda: store["user_quality"].find_one({"_id": ObjectId(user_id)}))

    views = ["", "users", f"users/{user_id}", "runs", f"runs/{run.id}", "sources", "quarantine",
             f"quarantine/{record.id}", "quality", "quality/profile_complete", "changes", "analytics"]  # fmt: skip
    for view in views:
        page = await admin.open(view)
        await expect(page.locator("#content [aria-busy=true]")).to_have_count(0)
        assert await page.locator("main img, main script").count() == 0, view
    await resume_source(store, "hr", actor="api:test")

    page = await admin.open(f"users/{user_id}")
    await expect(page.locator("h1")).to_contain_text(SCRIPT)
