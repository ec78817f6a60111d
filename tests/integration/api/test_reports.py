"""The routes of scheduled reports."""

import json
from typing import Any

import pytest
from litestar import Litestar

from docustore.config import Settings
from docustore.database import Database
from docustore.security.models import Scope
from tests.integration.api.conftest import Client
from tests.receiving import receiver

URL = "/analytics/reports/weekly"
REPORT: dict[str, Any] = {"query": "roles", "schedule": "0 7 * * 1", "timezone": "Europe/Amsterdam"}


@pytest.fixture
async def admin(
    anonymous: Client, keys: dict[Scope, str], application: Litestar, api_settings: Settings
) -> Client:
    """An administrator, a saved query, and a service that may call this machine."""
    application.state.settings = api_settings.model_copy(update={"webhook_private_networks": ("127.0.0.0/8",)})
    anonymous.headers["authorization"] = f"Bearer {keys[Scope.ADMIN]}"
    query = {"query": {"metrics": ["users"], "dimensions": ["role"]}}
    assert (await anonymous.put("/analytics/queries/roles", json=query)).status_code == 201
    return anonymous


async def test_report_is_saved_run_paused_and_deleted(admin: Client, database: Database) -> None:
    async with receiver() as service:
        created = await admin.put(URL, json={**REPORT, "webhook_url": service.url})
        ran = (await admin.post(f"{URL}/run")).json()
    listed = (await admin.get("/analytics/reports")).json()
    deliveries = (await admin.get(f"{URL}/deliveries")).json()
    paused, resumed = await admin.post(f"{URL}/pause"), await admin.post(f"{URL}/resume")
    deleted = await admin.delete(URL)

    secret = created.json()["secret"]
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    assert (ran["state"], ran["error"], len(service.requests)) == ("delivered", None, 1)
    assert [(each["name"], each["last"]["state"]) for each in listed] == [("weekly", "delivered")]
    assert deliveries == [ran]
    assert (paused.json()["next_slot"], resumed.json()["next_slot"] is not None) == (None, True)
    assert (deleted.status_code, await database["report_deliveries"].count_documents({})) == (204, 0)
    # The secret is shown once, and is in no log.
    audit = await database["audit_log"].find({}).to_list()
    assert secret.startswith("whsec_")
    assert secret not in json.dumps([listed, audit], default=str)
    actions = [entry["action"].partition(".")[2] for entry in audit if entry["action"].startswith("report.")]
    assert actions == ["save", "run", "pause", "resume", "delete"]


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ({}, ""),
        ({"webhook_url": "http://127.0.0.1:9/", "mail_to": ["a@example.org"]}, ""),
        ({"webhook_url": "http://10.0.0.1/"}, "/webhook_url"),
        ({"webhook_url": "http://169.254.169.254/latest"}, "/webhook_url"),
        ({"webhook_url": "file:///etc/passwd"}, "/webhook_url"),
        ({"webhook_url": "http://127.0.0.1:9/", "query": "unknown"}, "/query"),
        ({"webhook_url": "http://127.0.0.1:9/", "schedule": "often"}, "/schedule"),
        ({"webhook_url": "http://127.0.0.1:9/", "schedule": "off"}, "/schedule"),
        ({"webhook_url": "http://127.0.0.1:9/", "timezone": "Mars/Base"}, "/timezone"),
        ({"webhook_url": "http://127.0.0.1:9/", "format": "pdf"}, "/format"),
        ({"mail_to": ["a@example.org"]}, "/mail_to"),
        ({"mail_to": ["a@example.org&smtp=evil.example.org"]}, "/mail_to/0"),
        ({"mail_to": ["a@example.org"] * 21}, "/mail_to"),
    ],
)
async def test_impossible_report_is_refused(admin: Client, parts: dict[str, Any], pointer: str) -> None:
    response = await admin.put(URL, json={**REPORT, **parts})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == pointer


async def test_replacement_needs_the_version_and_keeps_the_secret(admin: Client, database: Database) -> None:
    body = {**REPORT, "webhook_url": "http://127.0.0.1:9/"}
    await admin.put(URL, json=body)
    before = await database["analytics_reports"].find_one({})

    without, stale = await admin.put(URL, json=body), await admin.put(URL, json=body, headers={"if-match": '"7"'})
    replaced = await admin.put(URL, json={**body, "format": "html"}, headers={"if-match": '"1"'})

    assert (without.status_code, stale.status_code, replaced.status_code) == (428, 412, 200)
    after = await database["analytics_reports"].find_one({})
    assert before is not None
    assert after is not None
    assert (after["secrets"], after["schedule_since"]) == (before["secrets"], before["schedule_since"])
    assert (replaced.json()["secret"], after["format"], after["version"]) == (None, "html", 2)
