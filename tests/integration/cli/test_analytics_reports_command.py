"""`docustore analytics reports`."""

import json
from pathlib import Path

from docustore.config import Settings
from docustore.database import Database
from tests.integration.cli.docustore_command import addresses, run_docustore
from tests.receiving import receiver


async def test_report_is_saved_listed_run_paused_and_deleted(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    variables = {**addresses(settings), "DOCUSTORE_WEBHOOK_PRIVATE_NETWORKS": '["127.0.0.0/8"]'}
    question, report = tmp_path / "question.json", tmp_path / "report.json"
    question.write_text(json.dumps({"metrics": ["users"]}))
    await run_docustore("analytics", "queries", "save", "total", str(question), **variables)
    async with receiver() as service:
        report.write_text(json.dumps({"query": "total", "schedule": "daily", "webhook_url": service.url}))

        saved = await run_docustore("analytics", "reports", "save", "daily", str(report), "--json", **variables)
        ran = await run_docustore("analytics", "reports", "run", "daily", **variables)
    unreachable = await run_docustore("analytics", "reports", "run", "daily", "--json", **variables)
    shown = await run_docustore("analytics", "reports", "deliveries", "daily", "--json", **variables)
    paused = await run_docustore("analytics", "reports", "pause", "daily", "--json", **variables)
    listed = await run_docustore("analytics", "reports", "list", **variables)
    resumed = await run_docustore("analytics", "reports", "resume", "daily", "--json", **variables)
    deleted = await run_docustore("analytics", "reports", "delete", "daily", **variables)

    assert saved.document["secret"].startswith("whsec_")
    assert (ran.exit_code, "Delivered 1 rows." in ran.stdout, len(service.requests)) == (0, True, 1)
    assert (unreachable.exit_code, unreachable.document["error"]) == (1, "no connection")
    assert [each["state"] for each in shown.document] == ["due", "delivered"]
    assert (paused.document["is_paused"], resumed.document["is_paused"]) == (True, False)
    assert "paused" in listed.stdout
    assert deleted.exit_code == 0
