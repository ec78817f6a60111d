"""The whole demonstration, as a new user starts it."""

import json
from pathlib import Path
from typing import Any

from tests.integration.cli.docustore_command import run_docustore


def check(document: dict[str, Any], first_read: int) -> None:
    first, second = (run["counts"] for run in document["runs"])
    assert [run["state"] for run in document["runs"]] == ["succeeded", "succeeded"]
    assert (first["read"], document["reconciled"], document["discrepancies"]) == (first_read, True, [])
    assert second["inserted"] > 0
    assert second["updated"] > 0
    assert document["changes"]["lag_s"] == 0
    assert document["analytics"]["total_users"] > 0


async def test_made_up_directory_reconciles(tmp_path: Path) -> None:
    outcome = await run_docustore(
        "demo", "--users", "400", "--once", "--json", "--port", "0", "--data-dir", str(tmp_path / "data")
    )

    assert outcome.exit_code == 0, outcome.stderr
    check(outcome.document, 400)
    assert outcome.document["quality"]["issues"]
    assert not (tmp_path / "data" / "endpoints.json").exists()
    report = await run_docustore("quality", "report", "--json", "--data-dir", str(tmp_path / "data"))
    assert 0 < report.document["score"] == outcome.document["quality"]["score"] < 100


async def test_own_file_reconciles(tmp_path: Path) -> None:
    """A tenth of the file is held back for the second run."""
    path = tmp_path / "users.ndjson"
    with path.open("w") as lines:
        for number in range(200):
            user = {
                "id": number,
                "email": f"u{number}@example.org",
                "modifiedAt": f"2026-01-01T00:{number % 60:02}:00Z",
            }
            lines.write(json.dumps(user) + "\n")

    outcome = await run_docustore(
        "demo", "--data", str(path), "--once", "--json", "--port", "0", "--data-dir", str(tmp_path / "data")
    )

    assert outcome.exit_code == 0, outcome.stderr
    check(outcome.document, 180)
