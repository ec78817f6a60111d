"""One worker at a time delivers to a destination: a lease with a fence number.

The lease names the worker. Each attempt at an event is begun on condition that no newer fence has begun it, so
a worker that was suspended cannot deliver events that its successor has delivered already.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog
from pymongo import ReturnDocument
from pymongo.errors import PyMongoError

from docustore.changes.subscriptions import DESTINATIONS
from docustore.database import Database, Document
from docustore.lease_time import lease_is_over

log: Final = structlog.get_logger()
_MAY_DELIVER: Final[Document] = {"$lte": [{"$ifNull": ["$blocked_until", "$$NOW"]}, "$$NOW"]}


@dataclass(slots=True, kw_only=True)
class DeliveryLease:
    """The right to deliver to one destination; `is_lost` turns True at a take-over."""

    destination: str
    fence: int
    lease_s: float
    is_lost: bool = False


async def claim(
    database: Database, name: str, *, owner: str, lease_s: float
) -> tuple[DeliveryLease, Document] | None:
    """Take the lease of a destination; None if it cannot be taken.

    It must be enabled, not blocked, and free. Times are those of the server. The document is that after the claim.
    """
    taken = {"fence": {"$add": ["$fence", 1]}, "owner": {"$literal": owner}, **_renewal(lease_s)}
    document = await database[DESTINATIONS].find_one_and_update(
        {"_id": name, "is_enabled": True, "$expr": {"$and": [lease_is_over(lease_s), _MAY_DELIVER]}},
        [{"$set": taken}],
        return_document=ReturnDocument.AFTER,
    )
    if document is None:
        return None
    return DeliveryLease(destination=name, fence=document["fence"], lease_s=lease_s), document


@asynccontextmanager
async def kept(database: Database, lease: DeliveryLease) -> AsyncIterator[None]:
    """Renew the lease during the block, and give it back at the end."""
    keeper = asyncio.create_task(_renew_forever(database, lease))
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await _release(database, lease)


async def update_held(database: Database, lease: DeliveryLease, update: Document | list[Document]) -> bool:
    """Update the destination if this worker still has it; False otherwise."""
    result = await database[DESTINATIONS].update_one(held(lease), update)
    if result.matched_count == 0:
        lease.is_lost = True
    return result.matched_count > 0


def held(lease: DeliveryLease) -> dict[str, Any]:
    """Return the query for a destination that this worker has."""
    return {"_id": lease.destination, "fence": lease.fence, "is_enabled": True}


async def _renew_forever(database: Database, lease: DeliveryLease) -> None:
    while not lease.is_lost:
        await asyncio.sleep(lease.lease_s / 3)
        try:
            result = await database[DESTINATIONS].update_one(held(lease), [{"$set": _renewal(lease.lease_s)}])
        except PyMongoError:
            # The fence guards every attempt: an expired lease costs a take-over, no event.
            continue
        lease.is_lost = result.matched_count == 0


async def _release(database: Database, lease: DeliveryLease) -> None:
    given_back = {"owner": None, "lease_expires_at": None}
    try:
        await database[DESTINATIONS].update_one(
            {"_id": lease.destination, "fence": lease.fence}, {"$set": given_back}
        )
    except PyMongoError as exc:
        log.warning("outbox.release_failed", destination=lease.destination, error=type(exc).__name__)


def _renewal(lease_s: float) -> Document:
    return {"lease_expires_at": {"$add": ["$$NOW", int(lease_s * 1000)]}}
