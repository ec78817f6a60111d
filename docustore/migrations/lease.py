"""One runner at a time: a lease with a fence in `schema_migrations`.

Every batch is one transaction whose first write renews the lease on condition of the fence. So a runner that lost
its lease without notice writes nothing more. A take-over ends the transaction that a killed runner left open.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import pymongo
import structlog
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError, PyMongoError

from docustore.changes.lease import owner_name
from docustore.changes.position import lease_renewal
from docustore.database import Database
from docustore.errors import MigrationFencedError
from docustore.lease_time import lease_is_over
from docustore.migrations.ledger import SCHEMA_MIGRATIONS

LEASE_ID: Final = "lease"
# Longer than any batch; a killed runner delays the next one by this time.
LEASE_MS: Final = 10_000
_POLL_S: Final = 0.2
_RELEASE_TIMEOUT_S: Final = 3.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationLease:
    """The right to migrate; `session` is the one of all transactions."""

    database: Database
    session: AsyncClientSession
    owner: str
    fence: int

    async def renew(self, session: AsyncClientSession | None = None) -> None:
        """Renew the lease; in a transaction this also keeps others from taking it over.

        Raises:
            MigrationFencedError: Another runner has taken over.
        """
        renewal = [{"$set": lease_renewal(LEASE_MS)}]
        mine = {"_id": LEASE_ID, "fence": self.fence}
        result = await self.database[SCHEMA_MIGRATIONS].update_one(mine, renewal, session=session)
        if result.matched_count == 0:
            raise MigrationFencedError


@asynccontextmanager
async def migration_lease(database: Database) -> AsyncIterator[MigrationLease]:
    """Hold the lease, after waiting while another live runner holds it."""
    owner = owner_name()
    async with database.client.start_session() as session:
        is_waiting = False
        while (fence := await _acquired(database, owner, session.session_id)) is None:
            if not is_waiting:
                log.info("migrations.lease_awaited", database=database.name)
                is_waiting = True
            await asyncio.sleep(_POLL_S)
        try:
            yield MigrationLease(database=database, session=session, owner=owner, fence=fence)
        finally:
            await _release(database, fence)


async def _acquired(database: Database, owner: str, session_id: Mapping[str, Any]) -> int | None:
    leases = database[SCHEMA_MIGRATIONS]
    is_free = lease_is_over(LEASE_MS / 1000)
    try:
        await leases.update_one({"_id": LEASE_ID}, {"$setOnInsert": {"fence": 0}}, upsert=True)
    except DuplicateKeyError:
        return None  # another runner created it at the same time
    orphaned = await leases.find_one({"_id": LEASE_ID, "session": {"$ne": None}, "$expr": is_free})
    if orphaned is not None:
        # The server would keep the transaction of a killed runner, and its locks, for a minute.
        await database.client.admin.command({"killSessions": [orphaned["session"]]})
    taken = {"fence": {"$add": ["$fence", 1]}, "owner": owner, "session": session_id, **lease_renewal(LEASE_MS)}
    after = await leases.find_one_and_update(
        {"_id": LEASE_ID, "$expr": is_free}, [{"$set": taken}], return_document=ReturnDocument.AFTER
    )
    return None if after is None else int(after["fence"])


async def _release(database: Database, fence: int) -> None:
    given_back = {"lease_expires_at": "$$NOW", "owner": None, "session": None}
    try:
        # Bounded: an unreachable server must not delay the end of the process. The lease expires anyway.
        with pymongo.timeout(_RELEASE_TIMEOUT_S):
            await database[SCHEMA_MIGRATIONS].update_one({"_id": LEASE_ID, "fence": fence}, [{"$set": given_back}])
    except PyMongoError as exc:
        log.warning("migrations.lease_not_released", error=type(exc).__name__)
