"""`docustore analytics`."""

from datetime import UTC, datetime

import pytest

from docustore.config import Settings
from docustore.database import Database
from tests.integration.changes.analytics_counters import keeping, until_current
from tests.integration.cli.docustore_command import addresses, run_docustore
from tests.listening import make_user

MAY = datetime(2024, 5, 1, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("report", "option", "value"),
    [("cohorts", "--compare", "previous"), ("transitions", "--dimension", "tag"), ("ages", "--bucket", "day")],
)
async def test_option_that_changes_nothing_is_refused(report: str, option: str, value: str) -> None:
    found = await run_docustore("analytics", "show", report, option, value)

    assert found.exit_code == 2
    assert f"the report {report} does not take {option}; it takes" in " ".join(found.stderr.split())


async def test_reports_and_the_check(settings: Settings, database: Database) -> None:
    variables = addresses(settings)
    profile = {"location": "=1+1", "preferences": {"theme": "dark", "language": "nl"}}
    await database["users"].insert_many([make_user(created_at=MAY, profile=profile) for _ in range(3)])
    async with keeping(database, settings):
        await until_current(database)
    period = ("--since", "2024-05-01", "--until", "2024-05-03", "--time-zone", "Asia/Kolkata")

    shown = await run_docustore("analytics", "show", "users", "--dimension", "location", **variables)
    series = await run_docustore("analytics", "show", "registrations", *period, "--json", **variables)
    table = await run_docustore("analytics", "show", "ages", "--exact", "--csv", **variables)
    unknown = await run_docustore(
        "analytics", "show", "registrations", "--time-zone", "Mars/Base", "--json", **variables
    )
    right = await run_docustore("analytics", "verify", **variables)
    await database["analytics_values"].update_one({"_id": {"d": "", "v": ""}}, {"$inc": {"present": 1}})
    wrong = await run_docustore("analytics", "verify", "--json", **variables)

    assert "'=1+1" in shown.stdout
    assert series.document["current"]["series"][0]["registered"] == [0, 3, 0]
    assert table.stdout.splitlines()[0].startswith("value,users,unknown,average_days,p10")
    assert (unknown.exit_code, unknown.document["error"]["type"]) == (1, "InvalidQueryError")
    assert (right.exit_code, right.stdout.strip()) == (0, "Every counter is right.")
    assert (wrong.exit_code, wrong.document["differences"]) == (
        1,
        ["analytics counts 4 for present, the users say 3"],
    )
