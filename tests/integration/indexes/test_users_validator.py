"""The collection rejects invalid documents, and accepts partial users."""

from datetime import UTC, datetime
from typing import Any

import pytest
from beanie import PydanticObjectId
from pymongo.errors import WriteError

from docustore.database import Database
from docustore.users.models import User

DOCUMENT_VALIDATION_FAILURE = 121


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"status": "suspended"},
        {"version": 2**40, "created_at": datetime(2020, 1, 1, tzinfo=UTC), "deleted_at": None},
        {"profile": {"location": None}, "roles": [], "badge": {"number": 7}},
        {"password_hash": "$argon2id$…"},
    ],
)
async def test_partial_user_is_accepted(database: Database, fields: dict[str, Any]) -> None:
    await database["users"].insert_one({"email": "ada@example.org", **fields})


async def test_model_is_accepted_whole(database: Database) -> None:
    user = await User(id=PydanticObjectId(), email="ada@example.org").insert()

    assert await database["users"].count_documents({"_id": user.id}) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"email": None},
        {"email": 7},
        {"email": "a" * 255},
        {"status": "enabled"},
        {"status": None},
        {"version": "1"},
        {"version": 0},
        {"created_at": "2020-01-01"},
        {"deleted_at": "yes"},
        {"roles": "admin"},
        {"roles": [1]},
        {"profile": {"preferences": {"theme": "pink"}}},
        {"profile": {"phone": "1"}},
        {"identities": [{"key": "crm:1"}]},
        {"_id": "ada"},
    ],
)
async def test_garbage_is_refused(database: Database, fields: dict[str, Any]) -> None:
    with pytest.raises(WriteError) as caught:
        await database["users"].insert_one({"email": "ada@example.org", **fields})

    assert caught.value.code == DOCUMENT_VALIDATION_FAILURE


async def test_user_without_email_is_refused(database: Database) -> None:
    with pytest.raises(WriteError):
        await database["users"].insert_one({"status": "active"})


async def test_garbage_from_before_can_be_fixed(database: Database) -> None:
    """Moderate level: an update of an invalid document is accepted."""
    garbage = {"_id": PydanticObjectId(), "email": "ada@example.org", "status": "on", "version": "1"}
    await database.command("insert", "users", documents=[garbage], bypassDocumentValidation=True)

    await database["users"].update_one({"_id": garbage["_id"]}, {"$set": {"status": "active"}})
    await database["users"].update_one({"_id": garbage["_id"]}, {"$set": {"version": 1}})

    with pytest.raises(WriteError):
        await database["users"].update_one({"_id": garbage["_id"]}, {"$set": {"status": "on"}})
