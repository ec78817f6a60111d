"""Users, a database and a listener for the benchmarks of changes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from bson import ObjectId

from docustore.config import Settings
from docustore.database import Database, Document
from docustore.document_models import open_database
from indexes.apply import apply_indexes

CHUNK: Final = 1000


@asynccontextmanager
async def bench_database(settings: Settings) -> AsyncIterator[tuple[Database, Settings]]:
    """Open a separate database until the block ends, then drop it."""
    own = settings.model_copy(update={"mongodb_database": f"bench_{uuid4().hex[:12]}"})
    async with open_database(own, app_name="docustore-bench") as database:
        await apply_indexes(database)
        try:
            yield database, own
        finally:
            await database.client.drop_database(database.name)


@asynccontextmanager
async def listener_process(settings: Settings) -> AsyncIterator[None]:
    """Run the listener in its own process.

    In this process it would share the processor time with the writers that measure it.
    """
    environment = {
        **os.environ,
        "DOCUSTORE_MONGODB_URL": settings.mongodb_url or "",
        "DOCUSTORE_REDIS_URL": settings.redis_url or "",
        "DOCUSTORE_MONGODB_DATABASE": settings.mongodb_database,
        "DOCUSTORE_CHANGES_PARTITIONS": str(settings.changes_partitions),
        "DOCUSTORE_LOG_LEVEL": "error",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "workers.listener", env=environment)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


def make_user(number: int) -> Document:
    """Make a user of an ordinary size."""
    now = datetime.now(UTC)
    email = f"user{number}@example.org"
    return {
        "_id": ObjectId(),
        "email": email,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "status": "active",
        "profile": {
            "avatar": "https://example.org/avatars/ada.png",
            "bio": "Mathematician and writer, known for her work on the Analytical Engine.",
            "location": "London",
            "preferences": {"notifications": True, "theme": "light", "language": "en"},
        },
        "roles": ["user"],
        "local_roles": [],
        "tags": ["pioneer"],
        "identities": [{"key": f"crm:{number}", "modified_at": now, "hash": "0" * 24}],
        "search_terms": ["ada", email, "example", "example.org", "lovelace", "org", f"user{number}"],
        "created_at": now,
        "updated_at": now,
        "updated_by": "etl:crm",
        "deleted_at": None,
        "version": 1,
        "schema_version": 1,
    }
