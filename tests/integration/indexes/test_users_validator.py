"""The collection rejects invalid documents, and accepts partial users."""

import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from beanie import PydanticObjectId
from pymongo.errors import WriteError

from docustore.database import Database
from docustore.users.email import EmailMalformedError, normalise_email
from docustore.users.models import User
from indexes.users import USERS

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
        {"email": f"{'a' * 243}@example.org"},
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


OTHER_SPELLINGS = [
    "UP@o.example",
    "up@O.example",
    " up@o.example",
    "up@o.example\n",
    "up@o.example ",
    "\u00a0up@o.example",
    "ÉVA@o.example",
    "éva@Ö.example",
    "e\u0301va@o.example",
    "ΑΩ@o.example",
    "Ⅳ@o.example",
    "a@xn--mnchen-3ya.example",
    "a@o.xn--fiqs8s",
    "a@\uff4f.example",
    "a@o。example",
]


@pytest.mark.parametrize("email", OTHER_SPELLINGS)
async def test_only_the_stored_spelling_is_accepted(database: Database, email: str) -> None:
    """Two spellings of one address would be two users."""
    stored = normalise_email(email)
    user = await database["users"].insert_one({"email": stored})

    with pytest.raises(WriteError) as inserted:
        await database["users"].insert_one({"email": email})
    with pytest.raises(WriteError) as updated:
        await database["users"].update_one({"_id": user.inserted_id}, {"$set": {"email": email}})

    assert inserted.value.code == updated.value.code == DOCUMENT_VALIDATION_FAILURE
    assert [found["email"] async for found in database["users"].find()] == [stored]


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@o.example", "ada@o", "ada@o.example.", "a@b@o.example"])
async def test_text_that_is_no_address_is_refused(database: Database, email: str) -> None:
    with pytest.raises(WriteError):
        await database["users"].insert_one({"email": email})


# Every block with upper case, combining marks or compatibility forms that matter to addresses.
BLOCKS = [range(0x21, 0x700), range(0x1C80, 0x2200), range(0x2C00, 0x2E00), range(0xA640, 0xA800)]
BLOCKS += [range(0xFB00, 0xFB07), range(0xFF00, 0xFFF0), range(0x10400, 0x10450), range(0x1D400, 0x1D7D0)]


def stored_spellings() -> list[str]:
    found: dict[str, None] = {}
    for char in (chr(code) for block in BLOCKS for code in block):
        is_mark = unicodedata.category(char)[0] == "M"
        for raw in (f"e{char}@o.example", f"s{char}\u0323@o.example") if is_mark else (f"{char}@o.example",):
            with suppress(EmailMalformedError):
                found[normalise_email(raw)] = None
        with suppress(EmailMalformedError):
            found[normalise_email(f"a@b{char}c.example")] = None
    return list(found)


async def test_every_stored_spelling_is_accepted(database: Database) -> None:
    """An address that the API accepts must not fail in the store."""
    emails = stored_spellings()

    documents = [{"email": {"$literal": email}} for email in emails]
    refused = await database.aggregate([{"$documents": documents}, {"$match": {"$nor": [USERS.validator]}}])

    assert len(emails) > 5_000
    assert [document["email"] async for document in refused] == []
