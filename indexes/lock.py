"""The schema lock of a database: one apply at a time.

A lease on the clock of the server. Its loss, by a process that paused for longer than the lease, is harmless:
every action of an apply may run twice. The lock prevents two applies from building the same index at once.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import structlog
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from docustore.database import Database

LOCKS: Final = "schema_locks"
_LOCK_ID: Final = "apply"
LEASE_S: Final = 30
_RENEWAL_S: Final = 10
# Short for a waiting deploy, long enough to cause no load.
_POLL_S: Final = 0.2

log = structlog.get_logger()


@asynccontextmanager
async def schema_lock(database: Database) -> AsyncIterator[None]:
    """Hold the schema lock, after waiting while another live process holds it."""
    owner = uuid4().hex
    is_waiting = False
    while not await _acquired(database, owner):
        if not is_waiting:
            log.info("indexes.lock_awaited", database=database.name)
            is_waiting = True
        await asyncio.sleep(_POLL_S)
    renewal = asyncio.create_task(_renew_for_ever(database, owner))
    try:
        yield
    finally:
        renewal.cancel()
        await asyncio.gather(renewal, return_exceptions=True)
        await database[LOCKS].delete_one({"_id": _LOCK_ID, "owner": owner})


async def _acquired(database: Database, owner: str) -> bool:
    lease = _lease(owner)
    # A missing date is less than every date: a lock that was never held is free.
    is_free = {"$lt": ["$expires_at", "$$NOW"]}
    take_if_free = {name: {"$cond": [is_free, value, f"${name}"]} for name, value in lease.items()}
    try:
        held = await database[LOCKS].find_one_and_update(
            {"_id": _LOCK_ID}, [{"$set": take_if_free}], upsert=True, return_document=ReturnDocument.AFTER
        )
    except DuplicateKeyError:  # another process inserted the document during this upsert
        return False
    return held is not None and held["owner"] == owner


def _lease(owner: str) -> dict[str, Any]:
    return {
        "owner": owner,
        "expires_at": {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": LEASE_S}},
    }


async def _renew_for_ever(database: Database, owner: str) -> None:
    while True:
        await asyncio.sleep(_RENEWAL_S)
        try:
            await database[LOCKS].update_one({"_id": _LOCK_ID, "owner": owner}, [{"$set": _lease(owner)}])
        except PyMongoError as exc:
            # The next renewal comes before the lease ends. Two failures in a row lose the lease, which is
            # harmless.
            log.warning("indexes.lock_not_renewed", database=database.name, error=type(exc).__name__)
