"""Users of other clients whose identities, versions or addresses have parts of any type."""

from typing import Any

import pytest
from bson import Regex

from docustore.database import Database
from docustore.etl.plan import Outcome
from tests.store_cases import record, store

KEY = "crm:1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"identities": [{"key": KEY}]},
        {"identities": [{"key": KEY, "modified_at": "then", "hash": 5, "values": [1]}, {"hash": "x"}, 5]},
        {"identities": {"key": KEY}},
        {"identities": [{"key": KEY}], "version": "2"},
        {"identities": [{"key": KEY}], "version": None},
        {"identities": [{"key": KEY}], "version": {"$gt": 0}, "local_roles": "x", "status": ["active"]},
        {"identities": [{"key": KEY}], "email": ["u1@example.org"], "updated_at": "now"},
        {"identities": [{"key": KEY}], "first_name": Regex("x"), "created_at": 5},
        {"email": "u1@example.org", "identities": [{"modified_at": 5}], "version": 2.5},
        {"email": "u1@example.org", "created_at": []},
    ],
)
async def test_record_repairs_its_user(database: Database, wrong: dict[str, Any]) -> None:
    """The source goes on, and the next run finds nothing to do."""
    await database.users.insert_one({"email": "strange@example.org", **wrong}, bypass_document_validation=True)
    batch = [record(1), record(2)]

    outcomes = await store(database, batch)
    again = await store(database, batch)

    assert outcomes == [Outcome.UPDATED, Outcome.INSERTED]
    assert again == [Outcome.UNCHANGED] * 2
    user = await database.users.find_one({"identities.key": KEY})
    assert user is not None
    assert type(user["version"]) is int
    assert [entry["hash"] for entry in user["identities"] if entry["key"] == KEY] == [record(1).hash]


@pytest.mark.parametrize("parts", [{}, {"hash": 5, "modified_at": "then"}])
async def test_end_of_an_identity_that_lacks_parts_is_stored(database: Database, parts: dict[str, Any]) -> None:
    user = {"email": "strange@example.org", "identities": [{"key": KEY, **parts}]}
    await database.users.insert_one(user, bypass_document_validation=True)

    outcomes = await store(database, [record(1, deleted=True)])

    assert outcomes == [Outcome.DEACTIVATED]
