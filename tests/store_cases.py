"""Cases of storing records, for a mock in memory and for the real server.

Where the two differ, the real server is right. The mock has no transactions, so no case here moves an identity.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from docustore.etl.context import RunContext
from docustore.etl.models import RunOptions
from docustore.etl.plan import Outcome
from docustore.etl.stamps import Stamps
from docustore.etl.store import store_records
from docustore.etl.transform import UserRecord, to_user_record
from tests.unit.etl.memory_store import RULES

NOW = datetime(2026, 11, 1, tzinfo=UTC)


async def store(
    database: Any, records: Sequence[UserRecord], *, dry_run: bool = False, is_repeated: bool = False
) -> list[Outcome]:
    """Store records at a fixed time, as a run of source `crm`."""
    context = RunContext(
        database=database,
        run_id="run",
        rules=RULES,
        options=RunOptions(dry_run=dry_run),
        stamps=Stamps("etl:crm"),
        is_repeated=is_repeated,
    )
    return await store_records(records, context, now=NOW)


def record(number: int, day: int = 1, **fields: Any) -> UserRecord:
    wire = {
        "id": number,
        "email": f"u{number}@example.org",
        "modified_at": f"2026-01-{day:02}T00:00:00Z",
        **fields,
    }
    return to_user_record(json.dumps(wire).encode(), RULES)


class StoreCases:
    """Subclassed once for each lane; `database` is a fixture of the lane."""

    async def test_new_records_are_inserted(self, database: Any) -> None:
        outcomes = await store(database, [record(1), record(2)])

        assert outcomes == [Outcome.INSERTED] * 2
        assert await database.users.count_documents({"version": 1, "deleted_at": None}) == 2

    async def test_batch_stored_twice_writes_once(self, database: Any) -> None:
        batch = [record(1), record(2), record(3, email="u2@example.org"), record(1, 2)]
        await store(database, batch)
        before = await database.users.find({}).to_list(None)

        await store(database, batch)

        assert await database.users.find({}).to_list(None) == before

    async def test_newer_record_updates_in_place(self, database: Any) -> None:
        await store(database, [record(1)])

        outcomes = await store(database, [record(1, 2, first_name="New")])

        stored = await database.users.find_one({})
        assert outcomes == [Outcome.UPDATED]
        assert (stored["first_name"], stored["version"]) == ("New", 2)

    async def test_identities_with_one_address_are_one_user(self, database: Any) -> None:
        await store(database, [record(1), record(2, email="U1@example.org ")])

        stored = await database.users.find({}).to_list(None)
        assert [[identity["key"] for identity in user["identities"]] for user in stored] == [["crm:1", "crm:2"]]

    async def test_dry_run_writes_nothing(self, database: Any) -> None:
        assert await store(database, [record(1)], dry_run=True) == [Outcome.INSERTED]
        assert await database.users.count_documents({}) == 0

    async def test_repeated_page_counts_its_own_writes(self, database: Any) -> None:
        """Writes of the interrupted try are not reported as unchanged, and each is counted once."""
        await store(database, [record(1)])

        outcomes = await store(database, [record(1), record(1)], is_repeated=True)

        assert outcomes == [Outcome.INSERTED, Outcome.UNCHANGED]
