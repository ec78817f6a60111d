"""What loading does to a collection: the same cases in memory and on the server, where the server is right."""

import json
from datetime import UTC, datetime
from typing import Any

from docustore.etl.classify import Outcome
from docustore.etl.load import LoadContext, load
from docustore.etl.transform import UserRecord, to_user_record
from tests.unit.etl.memory_store import RULES

CONTEXT = LoadContext(source="crm", now=datetime(2026, 11, 1, tzinfo=UTC))


def record(number: int, day: int = 1, **fields: Any) -> UserRecord:
    wire = {
        "id": number,
        "email": f"u{number}@example.org",
        "modified_at": f"2026-01-{day:02}T00:00:00Z",
        **fields,
    }
    return to_user_record(json.dumps(wire).encode(), RULES)


class LoadCases:
    """Subclassed once for each lane; `database` is a fixture of the lane."""

    async def test_new_records_are_inserted(self, database: Any) -> None:
        outcomes = await load(database, [record(1), record(2)], CONTEXT)

        assert outcomes == [Outcome.INSERTED] * 2
        assert await database.users.count_documents({"version": 1, "deleted_at": None}) == 2

    async def test_batch_loaded_twice_writes_once(self, database: Any) -> None:
        batch = [record(1), record(2), record(1, 2, email="u2@example.org")]
        await load(database, batch, CONTEXT)
        before = await database.users.find({}).to_list(None)

        await load(database, batch, CONTEXT)

        assert await database.users.find({}).to_list(None) == before

    async def test_newer_record_updates_in_place(self, database: Any) -> None:
        await load(database, [record(1)], CONTEXT)

        outcomes = await load(database, [record(1, 2, first_name="New")], CONTEXT)

        stored = await database.users.find_one({})
        assert outcomes == [Outcome.UPDATED]
        assert (stored["first_name"], stored["version"]) == ("New", 2)

    async def test_identities_with_one_address_are_one_user(self, database: Any) -> None:
        await load(database, [record(1), record(2, email="U1@example.org ")], CONTEXT)

        stored = await database.users.find({}).to_list(None)
        assert [[identity["key"] for identity in user["identities"]] for user in stored] == [["crm:1", "crm:2"]]

    async def test_moved_address_splits_a_user(self, database: Any) -> None:
        await load(database, [record(1), record(2, email="u1@example.org")], CONTEXT)

        await load(database, [record(2, 2, email="moved@example.org")], CONTEXT)

        stored = await database.users.find({}).sort("email").to_list(None)
        assert [(user["email"], len(user["identities"])) for user in stored] == [
            ("moved@example.org", 1),
            ("u1@example.org", 1),
        ]

    async def test_identity_that_joins_another_leaves_nothing(self, database: Any) -> None:
        await load(database, [record(1), record(2)], CONTEXT)

        await load(database, [record(2, 2, email="u1@example.org")], CONTEXT)

        assert [user["email"] async for user in database.users.find({})] == ["u1@example.org"]

    async def test_users_that_exchange_identities_in_one_batch(self, database: Any) -> None:
        """Neither can be written while the other still holds what it gets."""
        ada, bob = "ada@example.org", "bob@example.org"
        first = [record(1, email=ada), record(3, email=ada), record(2, email=bob), record(4, email=bob)]
        await load(database, first, CONTEXT)

        outcomes = await load(database, [record(1, 2, email=bob), record(2, 2, email=ada)], CONTEXT)

        stored = await database.users.find({}).sort("email").to_list(None)
        held = {user["email"]: sorted(identity["key"] for identity in user["identities"]) for user in stored}
        assert held == {ada: ["crm:2", "crm:3"], bob: ["crm:1", "crm:4"]}
        assert outcomes == [Outcome.UPDATED] * 2

    async def test_dry_run_tells_and_writes_nothing(self, database: Any) -> None:
        dry = LoadContext(source="crm", now=CONTEXT.now, dry_run=True)

        assert await load(database, [record(1)], dry) == [Outcome.INSERTED]
        assert await database.users.count_documents({}) == 0

    async def test_resumed_run_counts_its_own_writes(self, database: Any) -> None:
        """What the interrupted attempt wrote is not reported as unchanged."""
        await load(database, [record(1)], CONTEXT)
        resumed = LoadContext(source="crm", now=CONTEXT.now, resumed_since=CONTEXT.now)

        assert await load(database, [record(1)], resumed) == [Outcome.INSERTED]
