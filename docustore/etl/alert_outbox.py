"""The messages of alerts that wait for delivery.

A message is delivered to every configured address at least once. A failed delivery is retried with backoff for a
day. A broken address holds up neither the others nor a run. An address gets a recovery after all that came before.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

import structlog
from pydantic_core import to_jsonable_python
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from docustore.alerts import Fact, UndeliveredError, place_of, send
from docustore.database import Database, Document

log: Final = structlog.get_logger()
MESSAGES: Final = "alert_messages"
# One tick sends at most so many. A tick ends within its time even if every address hangs.
MESSAGES_PER_TICK: Final = 5
FIRST_WAIT: Final = timedelta(seconds=15)
LONGEST_WAIT: Final = timedelta(minutes=15)
GIVE_UP_AFTER: Final = timedelta(days=1)
KEPT_FOR: Final = timedelta(days=30)


class MessageState(StrEnum):
    """The state of a message; `failed` is given up."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


async def enqueue_message(  # the parts of a message
    database: Database,
    message_id: str,
    *,
    event: str,
    at: datetime,
    facts: Mapping[str, Fact],
    session: AsyncClientSession | None = None,
) -> None:
    """Create a message; does nothing if it exists.

    In a transaction, the id must be new.
    """
    message = {
        "_id": message_id,
        "event": event,
        "at": at,
        "body": to_jsonable_python({"event": event, "at": at, **facts}),
        "state": MessageState.PENDING,
        "attempts": 0,
        "next_attempt_at": at,
        "deliveries": {},
    }
    try:
        await database[MESSAGES].insert_one(message, session=session)
    except DuplicateKeyError:
        if session is not None:
            raise


async def deliver_messages(database: Database, urls: Sequence[str], *, now: datetime) -> int:
    """Deliver the messages that are due; return how many were delivered."""
    due: list[Document] = []
    while len(due) < MESSAGES_PER_TICK and (message := await _take(database, now=now)) is not None:
        due.append(message)
    return sum(await asyncio.gather(*(_deliver(database, message, urls, now=now) for message in due)))


async def retry_messages(database: Database, *, now: datetime) -> int:
    """Make all undelivered messages due at once; return their number."""
    open_states = [MessageState.PENDING, MessageState.FAILED]
    # The day in which it is tried starts anew.
    again = {"state": MessageState.PENDING, "next_attempt_at": now, "at": now}
    result = await database[MESSAGES].update_many({"state": {"$in": open_states}}, {"$set": again})
    return result.modified_count


async def undelivered(database: Database, *, limit: int = 100) -> list[Document]:
    """List the messages that were tried in vain, latest first."""
    query = {"state": {"$in": [MessageState.PENDING, MessageState.FAILED]}, "attempts": {"$gt": 0}}
    return await database[MESSAGES].find(query, sort=[("at", -1)]).limit(limit).to_list()


async def latest_messages(database: Database, *, state: MessageState | None, limit: int) -> list[Document]:
    """List the messages of the last 30 days, latest first.

    Args:
        state: Only those in this state; all if None.
    """
    query = {} if state is None else {"state": state.value}
    return await database[MESSAGES].find(query, sort=[("at", -1)]).limit(limit).to_list()


async def messages_by_state(database: Database) -> dict[str, int]:
    """Count the messages of the last 30 days by state."""
    states = [state.value for state in MessageState]
    return {state: await database[MESSAGES].count_documents({"state": state}) for state in states}


async def _take(database: Database, *, now: datetime) -> Document | None:
    """Take a message for this attempt: until its next attempt no other worker has it."""
    query = {"state": MessageState.PENDING, "next_attempt_at": {"$lte": now}}
    return await database[MESSAGES].find_one_and_update(
        query,
        {"$inc": {"attempts": 1}, "$set": {"next_attempt_at": now + LONGEST_WAIT}},
        sort=[("next_attempt_at", 1), ("_id", 1)],
        return_document=ReturnDocument.AFTER,
    )


async def _deliver(database: Database, message: Document, urls: Sequence[str], *, now: datetime) -> bool:
    deliveries = message["deliveries"]
    left = [url for url in urls if not _has(message, url)]
    earlier = await _earlier(database, message)
    outcomes = await asyncio.gather(
        *(_attempt(url, message["body"], waits=not all(_has(each, url) for each in earlier)) for url in left)
    )
    for url, error in zip(left, outcomes, strict=True):
        deliveries[_digest(url)] = {"place": place_of(url), "at": None if error else now, "error": error}
    failures = [error for error in outcomes if error is not None]
    state = MessageState.PENDING if failures else MessageState.DELIVERED
    if failures and now - message["at"] > GIVE_UP_AFTER:
        state = MessageState.FAILED
        log.error("alert.given_up", alert_event=message["event"], attempts=message["attempts"])
    wait = min(FIRST_WAIT * 2 ** min(message["attempts"] - 1, 10), LONGEST_WAIT)
    changed = {"deliveries": deliveries, "state": state, "next_attempt_at": now + wait}
    await database[MESSAGES].update_one({"_id": message["_id"]}, {"$set": changed})
    return not failures


async def _earlier(database: Database, message: Document) -> list[Document]:
    """List the messages that an address must have before a recovery."""
    if not message["event"].endswith(".recovered"):
        return []
    query = {"state": MessageState.PENDING, "at": {"$lt": message["at"]}}
    return await database[MESSAGES].find(query, {"deliveries": 1}).to_list()


def _has(message: Document, url: str) -> bool:
    """Tell whether an address has taken a message."""
    return message["deliveries"].get(_digest(url), {}).get("at") is not None


async def _attempt(url: str, body: Mapping[str, Any], *, waits: bool) -> str | None:
    if waits:
        return "an earlier message was not taken yet"
    try:
        await send(url, body)
    except UndeliveredError as exc:
        log.warning("alert.undelivered", alert_event=body["event"], place=place_of(url), reason=str(exc))
        return str(exc)
    return None


def _digest(url: str) -> str:
    # The address itself is often a secret.
    return sha256(url.encode()).hexdigest()[:16]
