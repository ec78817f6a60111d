"""`docustore changes follow`."""

import json

from docustore.config import Settings
from docustore.database import Database
from docustore.history.models import HISTORY
from tests.feed_rows import commit_range
from tests.integration.cli.docustore_command import addresses, run_docustore


async def test_changes_are_printed_from_an_id_on(settings: Settings, database: Database) -> None:
    variables = addresses(settings)
    await commit_range(database, 1, 9, user_id="u1")
    await database[HISTORY].delete_many({"_id": {"$lte": 3}})

    some = await run_docustore("changes", "follow", "--after", "5", "--limit", "3", "--json", **variables)
    table = await run_docustore("changes", "follow", "--after", "8", "--wait", "0", **variables)
    none = await run_docustore("changes", "follow", "--after", "4", "--user", "u2", "--wait", "0", **variables)
    reset = await run_docustore("changes", "follow", "--after", "1", "--wait", "0", **variables)
    refused = await run_docustore("changes", "follow", "--field", "salary", **variables)

    assert [json.loads(line)["id"] for line in some.stdout.splitlines()] == [6, 7, 8]
    assert table.stdout.split() == ["9", "2026-05-01", "12:00:00", "update", "u1", "status", "etl:crm"]
    assert (none.exit_code, none.stdout) == (0, "")
    assert (reset.stdout, "removed" in reset.stderr) == ("", True)
    assert refused.exit_code == 1
    assert "'status'" in refused.stderr
