"""Storing records on the real server."""

from docustore.database import Database
from docustore.etl.plan import Outcome
from tests.store_cases import StoreCases, record, store


class TestStore(StoreCases):
    """The cases of `tests/store_cases.py`."""


class TestMoves:
    """Identities that move to another user, in a transaction."""

    async def test_moved_address_splits_a_user(self, database: Database) -> None:
        await store(database, [record(1), record(2, email="u1@example.org")])

        await store(database, [record(2, 2, email="moved@example.org")])

        stored = await database.users.find({}).sort("email").to_list(None)
        assert [(user["email"], len(user["identities"])) for user in stored] == [
            ("moved@example.org", 1),
            ("u1@example.org", 1),
        ]

    async def test_identity_that_joins_another_leaves_nothing(self, database: Database) -> None:
        await store(database, [record(1), record(2)])

        await store(database, [record(2, 2, email="u1@example.org")])

        assert [user["email"] async for user in database.users.find({})] == ["u1@example.org"]

    async def test_users_that_exchange_identities_in_one_batch(self, database: Database) -> None:
        """Neither can be written while the other holds its new identity."""
        ada, bob = "ada@example.org", "bob@example.org"
        first = [record(1, email=ada), record(3, email=ada), record(2, email=bob), record(4, email=bob)]
        await store(database, first)

        outcomes = await store(database, [record(1, 2, email=bob), record(2, 2, email=ada)])

        stored = await database.users.find({}).sort("email").to_list(None)
        held = {user["email"]: sorted(identity["key"] for identity in user["identities"]) for user in stored}
        assert held == {ada: ["crm:2", "crm:3"], bob: ["crm:1", "crm:4"]}
        assert outcomes == [Outcome.UPDATED] * 2
