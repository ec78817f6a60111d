"""`docustore history` and `docustore audit`."""

from datetime import timedelta

from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from tests.integration.cli.docustore_command import addresses, run_docustore
from tests.integration.history.test_as_of import row, with_rows
from tests.listening import make_user


async def test_commands_show_and_compact_history(settings: Settings, database: Database) -> None:
    user, long_ago = make_user(), now_utc() - timedelta(days=100)
    rows = [row(n, user["_id"], long_ago + timedelta(days=n), user | {"version": n}) for n in range(1, 6)]
    await with_rows(database, rows)
    variables = addresses(settings)

    shown = await run_docustore("history", "show", str(user["_id"]), "--limit", "2", "--json", **variables)
    without_limit = await run_docustore("history", "compact", "--json", **variables)
    planned = await run_docustore("history", "compact", "--older-than", "97", "--dry-run", "--json", **variables)
    done = await run_docustore("history", "compact", "--older-than", "97", "--json", **variables)
    status = await run_docustore("history", "status", "--json", **variables)
    again = await run_docustore("history", "show", str(user["_id"]), "--json", **variables)
    audit = await run_docustore("audit", "list", "--action", "history.compact", "--json", **variables)

    assert [item["version"] for item in shown.document["items"]] == [5, 4]
    assert (without_limit.exit_code, planned.document["compacted"]) == (2, 2)
    assert done.document == planned.document
    assert (status.document["rows"], status.document["compacted"], status.document["waiting"]) == (5, 2, None)
    assert [item["version"] for item in again.document["items"]] == [5, 4, 3, 2, 1]
    [entry] = audit.document["items"]
    assert entry["after"] == {"older_than_days": 97, "up_to": 5}
    assert entry["actor"].startswith("cli:")


async def test_tables_are_for_people(settings: Settings, database: Database) -> None:
    user = make_user()
    await with_rows(database, [row(1, user["_id"], now_utc(), user, operation="insert")])
    variables = addresses(settings)

    shown = await run_docustore("history", "show", str(user["_id"]), **variables)
    status = await run_docustore("history", "status", **variables)
    audit = await run_docustore("audit", "list", **variables)

    assert "etl:crm" in shown.stdout
    assert "bytes per change" in status.stdout
    assert "No entries." in audit.stdout
