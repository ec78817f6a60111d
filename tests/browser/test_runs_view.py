"""Runs, sources and quarantine: what happened, why, and the levers."""

import json
from datetime import timedelta

import pytest
from playwright.async_api import expect

from docustore.clock import now_utc
from docustore.database import Database
from docustore.etl.guards.hold import Hold, HoldCode
from docustore.etl.models import Counts, EtlRun, QuarantinedRecord, RunState, RunTrigger
from tests.browser.conftest import Service, Watched
from tests.waiting import until

pytestmark = pytest.mark.browser
LONG_ERROR = "HTTP 503 from https://crm.example.org/users: " + "upstream connect error, " * 20 + "the last word"


async def a_run(state: RunState, **fields: object) -> EtlRun:
    now = now_utc()
    is_finished = state not in {RunState.DUE, RunState.RUNNING}
    times = {"created_at": now, "started_at": now, "finished_at": now if is_finished else None}
    run = EtlRun.model_validate({"source": "hr", "trigger": RunTrigger.API, "state": state, **times, **fields})
    await run.insert()
    return run


async def test_failed_run_shows_its_whole_error(admin: Watched) -> None:
    """In the list and in the run, as a text on the page: a tooltip hides a cause."""
    run = await a_run(RunState.FAILED, error=LONG_ERROR, counts=Counts(read=5, inserted=4, quarantined=1))

    page = await admin.open("runs?source=hr&state=failed")
    await expect(page.get_by_role("table", name="Runs")).to_contain_text("the last word")
    await page.locator(f'a[href="#/runs/{run.id}"]').click()

    await expect(page.get_by_role("region", name="Error")).to_contain_text(LONG_ERROR)
    await expect(page.get_by_role("region", name="Records", exact=True)).to_contain_text("quarantined")


async def test_run_is_followed_and_cancelled(admin: Watched, store: Database) -> None:
    run = await a_run(
        RunState.RUNNING, lease_owner="test", lease_expires_at=now_utc() + timedelta(hours=1),
        checkpoint={"progress": {"phase": "reading", "done": 10, "total": 40, "unit": "records",
                                 "per_s": 5.0, "eta_s": 6.0}},
    )  # fmt: skip
    page = await admin.open(f"runs/{run.id}")
    progress = page.get_by_role("region", name="Progress")
    await expect(progress).to_contain_text("reading: 10 of 40 (25 %) records")

    await store["etl_runs"].update_one({"_id": run.id}, {"$set": {"checkpoint.progress.done": 30}})
    await expect(progress).to_contain_text("reading: 30 of 40 (75 %) records")
    await page.get_by_role("button", name="Cancel run").click()
    # Two buttons that begin with "Cancel" would be a riddle.
    await expect(page.locator("dialog").get_by_role("button")).to_have_text(["Let it run", "Cancel run"])
    await admin.confirm("Cancel run")

    await expect(page.locator("#run")).to_contain_text("cancelled")
    await expect(page.get_by_role("heading", name="Why it ended")).to_be_visible()
    await expect(page.get_by_role("heading", name="Error")).to_have_count(0)
    await expect(page.get_by_role("button", name="Cancel run")).to_have_count(0)


async def test_held_run_is_approved_or_rejected(admin: Watched, store: Database) -> None:
    """Its change stands beside the limits; a reason is asked for a rejection."""
    hold = Hold(codes=[HoldCode.MASS_LOSS], total={"deactivated": 900}, limits={"deactivated": 200})
    rejected = await a_run(RunState.FAILED, needs_approval=True, hold=hold, error="held")
    approved = await a_run(RunState.FAILED, needs_approval=True, hold=hold, error="held")
    held = {"run_id": str(approved.id), "at": approved.created_at, "stored": {}}
    await store["etl_sources"].update_one({"_id": "hr"}, {"$set": {"held": held, "paused": False}}, upsert=True)

    page = await admin.open(f"runs/{rejected.id}")
    await expect(page.get_by_role("row", name="deactivated 900 200")).to_be_visible()
    await page.get_by_role("button", name="Reject").click()
    await page.get_by_label("Reason").fill("the file was cut")
    await admin.confirm("Reject")
    await expect(page.locator("#content")).to_contain_text("the file was cut")
    await admin.open("sources")
    await page.get_by_role("link", name="See its change").click()
    await page.get_by_role("button", name="Approve").click()
    await admin.confirm("Approve")

    await expect(page.locator("#content")).to_contain_text("Approved by")
    stored = await store["etl_runs"].find_one({"_id": approved.id})
    assert stored is not None
    assert page.url.endswith(stored["approved_run_id"])


async def test_quality_gate_stands_beside_its_limits(admin: Watched) -> None:
    over = {
        "rule": "last_name_present",
        "severity": "warning",
        "violated": 40,
        "applicable": 100,
        "max_percent": 5.0,
    }
    run = await a_run(
        RunState.FAILED, error="held", quality={"gate:judged": 100, "/email missing": 3},
        gate={"mode": "block", "judged": 100, "is_passed": False, "over": [over]},
    )  # fmt: skip

    page = await admin.open(f"runs/{run.id}")

    await expect(page.get_by_role("row", name="last_name_present warning 40 100 5 %")).to_be_visible()
    await expect(page.get_by_role("region", name="Records", exact=True)).not_to_contain_text("gate:")


async def test_source_runs_dry_and_for_real(admin: Watched, service: Service) -> None:
    record = {"id": "1", "email": "grace@sources.example", "firstName": "Grace", "lastName": "Hopper"}
    (service.folder / "crm.ndjson").write_text(json.dumps(record) + "\n", "utf-8")
    page = await admin.open("sources")
    crm = page.get_by_role("region", name="crm")
    await expect(crm).to_contain_text("0 3 * * *, UTC")
    await expect(crm).to_contain_text("Next run")

    await crm.get_by_role("button", name="Dry run").click()
    await expect(page.locator("#run")).to_contain_text("succeeded")
    await expect(page.get_by_role("region", name="What it would change")).to_contain_text("grace@sources.example")
    await admin.open("sources")
    await crm.get_by_role("button", name="Run now").click()

    await expect(page.locator("#run")).to_contain_text("succeeded")
    await expect(page.locator("#run .outcome-inserted dd")).to_have_text("1")


async def test_source_is_paused_with_a_reason(admin: Watched) -> None:
    page = await admin.open("sources")
    hr = page.get_by_role("region", name="hr")

    await hr.get_by_role("button", name="Pause").click()
    await page.get_by_label("Reason").fill("the export moves")
    await admin.confirm("Pause")
    await expect(hr).to_contain_text("the export moves")
    await hr.get_by_role("button", name="Resume").click()

    await expect(hr).not_to_contain_text("the export moves")


async def test_refused_trigger_is_shown_in_full(admin: Watched, store: Database) -> None:
    run = await a_run(RunState.RUNNING, lease_owner="test", lease_expires_at=now_utc() + timedelta(hours=1))
    page = await admin.open("sources")

    await page.get_by_role("region", name="hr").get_by_role("button", name="Run now").click()

    problem = page.locator("dialog .problem")
    await expect(problem).to_contain_text("Source busy")
    await expect(problem).to_contain_text(str(run.id))
    await expect(problem).to_contain_text("Next step: Wait for the run")
    await store["etl_runs"].delete_one({"_id": run.id})
    assert [each for each in admin.problems if "409" not in each] == []
    admin.problems.clear()


async def test_quarantined_record_is_ignored_reopened_and_replayed(admin: Watched, store: Database) -> None:
    now = now_utc()
    record = QuarantinedRecord(
        source="crm", fingerprint="q", run_id="q", identity_key="crm:q", position="1", raw_bytes=50,
        raw='{"id": "q", "email": "quarantined@example.org", "first_name": "Q", "last_name": "R"}',
        errors=[{"pointer": "/email", "code": "email_malformed", "detail": "There must be something."}],
        first_seen_at=now, last_seen_at=now, modified_at=now,
    )  # fmt: skip
    await record.insert()
    page = await admin.open("quarantine?code=email_malformed&run=q")

    await expect(page.locator("main")).to_contain_text("There must be something.")
    await page.locator("tbody").get_by_role("button", name="Ignore").click()
    await page.get_by_label("Reason").last.fill("a test account")
    await admin.confirm("Ignore")
    await expect(page.locator("main")).to_contain_text("No such records")
    await admin.open(f"quarantine/{record.id}")
    await expect(page.locator("main")).to_contain_text("a test account")
    await expect(page.locator("main")).to_contain_text("quarantined@example.org")
    await page.get_by_role("button", name="Reopen").click()
    await page.get_by_role("button", name="Replay").click()

    await expect(page.locator("#said")).to_contain_text("Loaded: inserted")
    await until(lambda: store["users"].find_one({"email": "quarantined@example.org"}))
