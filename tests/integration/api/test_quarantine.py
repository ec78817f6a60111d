"""The quarantine over HTTP: read, replay, ignore, reopen, export."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.database import Database
from docustore.etl.models import QuarantinedRecord
from docustore.security.models import Scope
from tests.integration.api.conftest import Client

START = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = {"id": 1, "email": "ada@example.org", "first_name": "Ada", "last_name": "May"}
BAD = {**GOOD, "id": 2, "email": "nobody"}


async def quarantined(record: dict[str, Any], *, source: str = "crm", code: str = "email_malformed") -> str:
    raw = json.dumps(record)
    entry = QuarantinedRecord(
        source=source, fingerprint=raw, run_id="r1", position="1", raw=raw, raw_bytes=len(raw),
        errors=[{"pointer": "/email", "code": code, "detail": "no domain"}],
        first_seen_at=START, last_seen_at=START,
    )  # fmt: skip
    await entry.insert()
    return str(entry.id)


@pytest.fixture
def admin(keys: dict[Scope, str]) -> dict[str, str]:
    return {"authorization": f"Bearer {keys[Scope.ADMIN]}"}


async def test_quarantine_shows_reasons_and_raw_text(api: Client, keys: dict[Scope, str]) -> None:
    ids = []
    for number in range(3):
        record = QuarantinedRecord(
            source="crm", fingerprint=str(number), run_id="r", position=str(number), raw="{raw}", raw_bytes=5,
            errors=[{"pointer": "/email", "code": "email_malformed", "detail": "no domain"}],
            first_seen_at=START, last_seen_at=START + timedelta(hours=number),
        )  # fmt: skip
        await record.insert()
        ids.append(str(record.id))

    first = (await api.get("/etl/quarantine?limit=2")).json()
    second = (await api.get("/etl/quarantine", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    admin = {"authorization": f"Bearer {keys[Scope.ADMIN]}"}
    one = (await api.get(f"/etl/quarantine/{ids[0]}", headers=admin)).json()
    without_text = (await api.get(f"/etl/quarantine/{ids[0]}")).json()

    assert [row["id"] for row in first["items"] + second["items"]] == ids[::-1]
    assert second["next_cursor"] is None
    assert "raw" not in first["items"][0]
    assert (one["raw"], one["errors"][0]["code"], one["state"]) == ("{raw}", "email_malformed", "open")
    assert without_text == {**one, "raw": None}
    assert (await api.get("/etl/quarantine?state=ignored")).json()["items"] == []
    summary = (await api.get("/dashboard/summary")).json()
    assert summary["quarantine"] == [{"code": "email_malformed", "pointer": "/email", "records": 3}]


async def test_lists_are_filtered(api: Client) -> None:
    ids = [await quarantined(BAD), await quarantined(GOOD, source="hr", code="missing")]

    def found(answer: Any) -> list[str]:
        return [entry["id"] for entry in answer.json()["items"]]

    assert found(await api.get("/etl/quarantine?code=missing")) == ids[1:]
    assert found(await api.get("/etl/quarantine?source=crm&run=r1")) == ids[:1]
    assert found(await api.get("/etl/quarantine?run=r2")) == []


async def test_replayed_record_loads_and_closes_its_entry(api: Client, database: Database) -> None:
    record_id = await quarantined(GOOD)

    replayed = await api.post(f"/etl/quarantine/{record_id}/replay")

    entry = (await api.get(f"/etl/quarantine/{record_id}")).json()
    assert (replayed.status_code, replayed.json()["result"], replayed.json()["outcome"]) == (
        200,
        "loaded",
        "inserted",
    )
    assert (entry["state"], entry["resolved_by"][:4]) == ("resolved", "api:")
    assert await database.users.count_documents({"email": GOOD["email"]}) == 1


async def test_replay_by_filter_reports_each_record(api: Client, database: Database) -> None:
    good, bad = await quarantined(GOOD), await quarantined(BAD, code="wrong_type")
    other = await quarantined(GOOD, source="hr")

    report = (await api.post("/etl/quarantine/replay", json={"source": "crm"})).json()

    assert (report["loaded"], report["rejected"], report["remaining"]) == (1, 1, 0)
    assert {record["id"]: record["result"] for record in report["records"]} == {good: "loaded", bad: "rejected"}
    still_bad = (await api.get(f"/etl/quarantine/{bad}")).json()
    assert (still_bad["state"], still_bad["errors"][0]["code"]) == ("open", "email_malformed")
    assert (await api.get(f"/etl/quarantine/{other}")).json()["state"] == "open"
    [audited] = await database.audit_log.find({"action": "quarantine.replay"}).to_list()
    assert (audited["target"], audited["after"]) == (
        "etl_quarantine?source=crm",
        {"loaded": 1, "rejected": 1, "impossible": 0},
    )


async def test_replay_continues_where_its_limit_was(api: Client) -> None:
    for number in range(3):
        await quarantined({**GOOD, "id": number, "email": f"u{number}@example.org"})

    reports = [(await api.post("/etl/quarantine/replay", json={"all": True, "limit": 2})).json() for _ in range(2)]

    assert [(report["loaded"], report["remaining"]) for report in reports] == [(2, 1), (1, 0)]


async def test_dry_replay_writes_nothing(api: Client, database: Database) -> None:
    record_id = await quarantined(GOOD)

    report = (await api.post("/etl/quarantine/replay", json={"ids": [record_id], "dry_run": True})).json()

    assert (report["dry_run"], report["records"][0]["outcome"]) == (True, "inserted")
    assert (await api.get(f"/etl/quarantine/{record_id}")).json()["state"] == "open"
    assert await database.users.count_documents({}) == 0


async def test_ignored_record_can_be_opened_again(api: Client, database: Database) -> None:
    record_id = await quarantined(BAD)

    ignored = (await api.post(f"/etl/quarantine/{record_id}/ignore", json={"reason": "test account"})).json()
    reopened = (await api.post(f"/etl/quarantine/{record_id}/reopen")).json()

    assert (ignored["state"], ignored["ignored_reason"], ignored["ignored_by"][:4]) == (
        "ignored",
        "test account",
        "api:",
    )
    assert (reopened["state"], reopened["ignored_reason"], reopened["ignored_at"]) == ("open", None, None)
    actions = [entry["action"] async for entry in database.audit_log.find().sort("at")]
    assert actions == ["quarantine.ignore", "quarantine.reopen"]


async def test_many_records_are_ignored_by_a_filter(api: Client) -> None:
    await quarantined(BAD)
    await quarantined(GOOD, code="missing")

    answer = await api.post("/etl/quarantine/ignore", json={"code": "missing", "reason": "left the company"})

    assert answer.json() == {"changed": 1}
    assert len((await api.get("/etl/quarantine?state=ignored")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("replay", {}),
        ("replay", {"sources": "crm"}),
        ("replay", {"all": True, "limit": 0}),
        ("ignore", {"all": True}),
        ("ignore", {"all": True, "reason": ""}),
        ("ignore", {"reason": "x"}),
    ],
)
async def test_selection_must_be_meant(api: Client, path: str, body: dict[str, Any]) -> None:
    """A forgotten filter must not select every record."""
    await quarantined(GOOD)

    assert (await api.post(f"/etl/quarantine/{path}", json=body)).status_code == 422
    assert len((await api.get("/etl/quarantine")).json()["items"]) == 1


@pytest.mark.parametrize("record_id", ["6b0365e2c681af19fcc644f1", "no-id"])
@pytest.mark.parametrize("action", ["replay", "ignore", "reopen"])
async def test_unknown_record_is_404(api: Client, record_id: str, action: str) -> None:
    body = {"json": {"reason": "x"}} if action == "ignore" else {}

    assert (await api.post(f"/etl/quarantine/{record_id}/{action}", **body)).status_code == 404


async def test_export_needs_admin_and_is_audited(api: Client, database: Database, admin: dict[str, str]) -> None:
    await quarantined(GOOD)
    await quarantined(BAD, source="hr")

    refused = await api.get("/etl/quarantine/export")
    exported = await api.get("/etl/quarantine/export?source=hr", headers=admin)

    assert refused.status_code == 403
    assert exported.headers["content-type"].startswith("application/x-ndjson")
    [line] = exported.text.splitlines()
    assert json.loads(json.loads(line)["raw"]) == BAD
    [audited] = await database.audit_log.find().to_list()
    assert (audited["action"], audited["after"]) == ("quarantine.export", {"records": 1})
