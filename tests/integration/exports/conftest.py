"""Users of every kind that a store may have, and exports and imports of them."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId

from docustore.clock import now_utc
from docustore.database import Database
from docustore.exports.export import Export, begin_export
from docustore.exports.formats import FileForm
from docustore.exports.importing import Import, import_users, rules_of
from docustore.exports.order import ExportOrder
from docustore.exports.report import ImportReport
from docustore.exports.rows import RowFile
from docustore.users.cause import Cause
from docustore.users.schemas import parse_user
from docustore.users.service import create_user

Imported = Callable[..., Awaitable[ImportReport]]
JOINED = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOSTILE = ("=1+1", "+1", "-1", "@a", "'=1", "a,b", 'say "hi"', "two\nlines", "tab\there", "'s-Hertogenbosch", "李")


async def fill(database: Database, *, users: int = 30) -> None:
    """Store users as the API does, with texts that are hostile to tables."""
    for number in range(users):
        text = HOSTILE[number % len(HOSTILE)]
        given = {
            "email": f"user{number}@example.org",
            "first_name": text,
            "status": ("active", "inactive", "suspended")[number % 3],
            "profile": {"bio": None if number % 2 else text, "location": "" if number % 5 == 0 else text},
            "roles": ["admin", text] if number % 3 == 0 else [],
            "tags": [text],
        }
        await create_user(parse_user(given), cause=Cause(actor="api:test"), now=now_utc())
    # A user whose registration no system knows.
    await database.users.update_one({"email": "user1@example.org"}, {"$unset": {"created_at": ""}})


async def fill_with_strangers(database: Database) -> None:
    """Store users with what only a full export keeps."""
    await fill(database, users=3)
    await database.users.update_one(
        {"email": "user0@example.org"}, {"$set": {"deleted_at": JOINED, "password_hash": "$argon2id$x"}}
    )
    entries = [
        {"key": f"{name}:7", "modified_at": JOINED, "hash": "2:0", "values": {"x": 1}} for name in ("a", "b")
    ]
    odd = {
        "_id": ObjectId(),
        "email": "odd@example.org",
        "identities": entries,
        "updated_at": JOINED,
        "version": Int64(4),
        "custom": {"price": Decimal128("1.50"), "n": 1, "x": 1.0, "blob": b"\x00\xff", "nan": float("inf")},
        "schema_version": 4,
    }
    await database.users.insert_one(odd)


async def export_to(database: Database, path: Path, **order: Any) -> Export:
    form = FileForm.of_name(path.name) or FileForm()
    export = await begin_export(database, ExportOrder(form=form, **order), actor="cli:test", batch_docs=7)
    with path.open("wb") as stream:  # a small file
        async for chunk in export.chunks():
            stream.write(chunk)
    return export


@pytest.fixture
def imported(database: Database) -> Imported:
    async def run(path: Path, **options: Any) -> ImportReport:
        form = FileForm.of_name(path.name)
        rules = rules_of("cli:test", is_overwriting=options.pop("overwrite", False))
        order = Import(
            database=database,
            file=RowFile(path, None if form is None else form.format),
            rules=rules,
            **{"batch_rows": 10, **options},
        )
        return await import_users(order, target=path.name)

    return run
