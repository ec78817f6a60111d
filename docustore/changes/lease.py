"""One active listener per position: a lease on its document, with a fence number.

The lease names the active listener. The fence grows at each take-over and guards every write of effects. So a
listener that lost its lease without notice (suspended for a minute, cut off) cannot write.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import pymongo
import structlog
from pymongo import ReturnDocument
from pymongo.errors import PyMongoError

from docustore.changes.position import (
    OWNED_POSITIONS,
    POSITION_ID,
    POSITIONS,
    count_partitions,
    ensure_position,
    lease_renewal,
)
from docustore.database import Database

log = structlog.get_logger()

# How often a standby tries: a released lease is taken within half a second, for two small reads a second.
STANDBY_POLL_S: Final = 0.5
RELEASE_TIMEOUT_S: Final = 3.0
# A command that takes the lease away is noticed within this time.
LONGEST_RENEWAL_S: Final = 1.0


# The lease holds, and its last renewal is as old as a lease at most. A time in the future is that of a primary
# whose clock was ahead: after an election no standby could take such a lease for as long as the clock was wrong.
_AGE_MS: Final = {"$subtract": ["$$NOW", {"$ifNull": ["$heartbeat_at", "$$NOW"]}]}
_LEASE_MS: Final = {"$ifNull": ["$lease_ms", {"$subtract": ["$lease_expires_at", "$heartbeat_at"]}]}
IS_ALIVE: Final[dict[str, Any]] = {
    "$and": [
        {"$gt": [{"$ifNull": ["$lease_expires_at", "$$NOW"]}, "$$NOW"]},
        {"$lte": [{"$abs": _AGE_MS}, {"$ifNull": [_LEASE_MS, 0]}]},
    ]
}


@dataclass(slots=True, kw_only=True)
class Lease:
    """The right to apply changes; `is_lost` turns True at a take-over."""

    owner: str
    fence: int
    lease_ms: int
    previous_owner: str | None
    position_id: str = POSITION_ID
    is_lost: bool = False


def owner_name() -> str:
    """Name this listener: host, process and a random part."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


async def acquire(
    database: Database,
    *,
    owner: str,
    lease_s: float,
    session_id: Mapping[str, Any] | None = None,
    position_id: str = POSITION_ID,
) -> Lease | None:
    """Take the lease if it is free, expired or this owner's; else return None.

    The server's clock decides what is expired. The lease of all users is not free while there are partitions.

    Args:
        session_id: The session of the owner's transactions; a successor ends it.
        position_id: The position of all users, or of one partition.
    """
    if position_id == POSITION_ID:
        await ensure_position(database)
    lease_ms = int(lease_s * 1000)
    is_free = {"$or": [{"$not": [IS_ALIVE]}, {"$eq": ["$owner", owner]}]}
    free = {"_id": position_id, **OWNED_POSITIONS, "$expr": is_free}
    await _end_orphaned_transaction(database, free)
    taken = {
        "fence": {"$add": ["$fence", 1]},
        "owner": owner,
        "session": session_id,
        "lease_ms": lease_ms,
        **lease_renewal(lease_ms),
    }
    before = await database[POSITIONS].find_one_and_update(
        free, [{"$set": taken}], return_document=ReturnDocument.BEFORE
    )
    if before is None:
        return None
    return Lease(
        owner=owner,
        fence=before["fence"] + 1,
        lease_ms=lease_ms,
        previous_owner=before.get("owner"),
        position_id=position_id,
    )


async def wait_for_lease(
    database: Database, *, owner: str, lease_s: float, session_id: Mapping[str, Any], stop: asyncio.Event
) -> Lease | None:
    """Stand by until the lease can be taken; see `acquire`.

    Returns:
        None when stopped, or when there are partitions.
    """
    is_standby = False
    while not stop.is_set():
        lease = await acquire(database, owner=owner, lease_s=lease_s, session_id=session_id)
        if lease is not None:
            return lease
        if await count_partitions(database) > 1:
            return None
        if not is_standby:
            log.info("listener.standby_started", owner=owner)
            is_standby = True
        await pause(STANDBY_POLL_S, stop)
    return None


@asynccontextmanager
async def kept(database: Database, lease: Lease) -> AsyncIterator[None]:
    """Renew the lease every second or sooner, and give it back at the end.

    A renewal also finds out that a command took the lease away. A standby then starts at once.
    """
    keeper = asyncio.create_task(_renew_forever(database, lease))
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await _release(database, lease)


async def pause(seconds: float, stop: asyncio.Event) -> None:
    """Sleep, or return at once when stopped."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def _end_orphaned_transaction(database: Database, free: Mapping[str, Any]) -> None:
    """End the orphaned transaction of a killed owner.

    It holds the lock of the position, and the server would keep it for a minute. An owner that is still alive
    loses an uncommitted batch; the fence keeps it from repeating that batch.
    """
    orphaned = await database[POSITIONS].find_one({**free, "session": {"$ne": None}})
    if orphaned is not None:
        await end_transaction(database, orphaned["session"])


async def end_transaction(database: Database, session_id: Mapping[str, Any]) -> None:
    """End the transaction of a session, and release its locks.

    The owner's next use of the session fails or starts anew; the fence keeps it from repeating a batch.
    """
    await database.client.admin.command({"killSessions": [session_id]})


async def _renew_forever(database: Database, lease: Lease) -> None:
    while not lease.is_lost:
        await asyncio.sleep(min(lease.lease_ms / 3000, LONGEST_RENEWAL_S))
        try:
            result = await database[POSITIONS].update_one(_mine(lease), [{"$set": lease_renewal(lease.lease_ms)}])
        except PyMongoError:
            # The fence guards every write: an expired lease costs a take-over, never a repeated effect.
            continue
        lease.is_lost = result.matched_count == 0


async def _release(database: Database, lease: Lease) -> None:
    given_back = {"lease_expires_at": "$$NOW", "owner": None, "session": None}
    try:
        # Bounded: an unreachable server must not delay the end of the process. The lease expires anyway.
        with pymongo.timeout(RELEASE_TIMEOUT_S):
            await database[POSITIONS].update_one(_mine(lease), [{"$set": given_back}])
    except PyMongoError as exc:
        log.warning("listener.release_failed", owner=lease.owner, error=type(exc).__name__)


def _mine(lease: Lease) -> dict[str, Any]:
    return {"_id": lease.position_id, "fence": lease.fence}
