"""The rows of one destination: which are due, and what an attempt makes of them."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from docustore.changes.committed import committed_seq
from docustore.changes.events import user_key
from docustore.changes.subscriptions import OUTBOX, PENDING
from docustore.database import UNCLAMPED, Database, Document
from docustore.history.stored_rows import history_rows, states_of_rows
from docustore.history.undo import has_state
from docustore.outbox.sending import Outcome

# What is delivered is kept for questions, what is given up for its replay. MongoDB deletes both.
DELIVERED_FOR: Final = timedelta(days=7)
FAILED_FOR: Final = timedelta(days=30)
LANES_PER_ROUND: Final = 200
ROWS_PER_ROUND: Final = 1000


class RowState(StrEnum):
    """The state of an event for one destination; `failed` is given up."""

    PENDING = PENDING
    DELIVERED = "delivered"
    FAILED = "failed"


Lane = list[Document]


def rows_of(name: str) -> dict[str, Any]:
    """Return the query for all rows of a destination; they sort by number."""
    # The character after the colon.
    return {"_id": {"$gte": f"{name}:", "$lt": f"{name};"}}


async def has_due(database: Database, name: str, *, now: datetime) -> bool:
    """Tell whether an event of a destination is due."""
    return await database[OUTBOX].find_one(_due(name, now=now), {"_id": 1}) is not None


async def due_lanes(database: Database, name: str, *, now: datetime, up_to: int | None = None) -> list[Lane]:
    """Read the lanes whose first pending event is due.

    Each is in the order of its numbers. A lane whose first event waits is put off with it: its other events
    must not be delivered before.

    Args:
        up_to: Read only events up to this number: later ones must wait for a replay in progress.
    """
    bound = {} if up_to is None else {"number": {"$lte": up_to}}
    outbox = database[OUTBOX].with_options(codec_options=UNCLAMPED)
    due = outbox.find({**_due(name, now=now), **bound}, {"lane": 1}, sort=[("due_at", 1)])
    lanes = {user_key(row["lane"]): row["lane"] async for row in due.limit(LANES_PER_ROUND)}
    if not lanes:
        return []
    query = {"destination": name, "state": PENDING, "lane": {"$in": list(lanes.values())}, **bound}
    found: dict[Any, Lane] = {}
    async for row in outbox.find(query, sort=[("number", 1)]).limit(ROWS_PER_ROUND):
        found.setdefault(user_key(row["lane"]), []).append(row)
    for lane in found.values():
        if lane[0]["due_at"] > now:
            await _put_off(database, lane[0])
    return [lane for lane in found.values() if lane[0]["due_at"] <= now]


async def begin(database: Database, rows: Sequence[Mapping[str, Any]], *, fence: int) -> bool:
    """Note the start of an attempt; False if another worker has any of the rows."""
    query = {"_id": {"$in": _ids(rows)}, "state": PENDING, "fence": {"$lte": fence}}
    result = await database[OUTBOX].update_many(query, {"$set": {"fence": fence}, "$inc": {"attempts": 1}})
    return result.matched_count == len(rows)


async def note_delivered(
    database: Database, rows: Sequence[Mapping[str, Any]], *, at: datetime, status: int | None
) -> int:
    """Note that the destination has the events.

    It is a fact, also if another worker delivered them: there is no condition on the fence.

    Returns:
        How many were not noted before.
    """
    done = {
        "state": RowState.DELIVERED.value,
        "done_at": at,
        "expires_at": at + DELIVERED_FOR,
        "last": {"at": at, "status": status, "error": None},
    }
    query = {"_id": {"$in": _ids(rows)}, "state": PENDING}
    result = await database[OUTBOX].update_many(query, {"$set": done})
    return result.modified_count


async def note_failure(
    database: Database,
    rows: Sequence[Mapping[str, Any]],
    *,
    fence: int,
    at: datetime,
    wait: timedelta | None,
    outcome: Outcome,
) -> int:
    """Put events off, or give them up if `wait` is None; return their number."""
    last = {"at": at, "status": outcome.status, "error": outcome.error, "is_down": outcome.is_down}
    changed: Document = {"last": last}
    if wait is None:
        changed |= {"state": RowState.FAILED.value, "done_at": at, "expires_at": at + FAILED_FOR}
    else:
        changed |= {"due_at": at + wait}
    query = {"_id": {"$in": _ids(rows)}, "state": PENDING, "fence": fence}
    result = await database[OUTBOX].update_many(query, {"$set": changed})
    return result.modified_count


async def release_waiting(database: Database, name: str, *, now: datetime) -> int:
    """Make the events due that wait only because the destination was down."""
    query = {"destination": name, "state": PENDING, "due_at": {"$gt": now}, "last.is_down": True}
    result = await database[OUTBOX].update_many(query, {"$set": {"due_at": now}})
    return result.modified_count


async def requeue(database: Database, row_id: str, *, now: datetime) -> bool:
    """Make an event due at once, whatever its state; False if there is no such row."""
    again = {"state": PENDING, "attempts": 0, "due_at": now, "queued_at": now}
    result = await database[OUTBOX].update_one(
        {"_id": row_id}, {"$set": again, "$unset": {"expires_at": "", "done_at": ""}}
    )
    return result.matched_count > 0


async def changes_of(database: Database, numbers: Iterable[int]) -> dict[int, Document]:
    """Read the rows of history with these numbers, each with the state after it."""
    found = {int(row["_id"]): row async for row in history_rows(database).find({"_id": {"$in": list(numbers)}})}
    compacted = [row for row in found.values() if not has_state(row)]
    if compacted:
        seq = await committed_seq(database)
        for row in compacted:
            with suppress(ValueError):  # without its next state the event says that it is partial
                [row["after"]] = await states_of_rows(database, [row], seq=seq)
    return found


async def _put_off(database: Database, head: Mapping[str, Any]) -> None:
    query = {
        "destination": head["destination"],
        "lane": head["lane"],
        "state": PENDING,
        "number": {"$gt": head["number"]},
        "due_at": {"$lt": head["due_at"]},
    }
    await database[OUTBOX].update_many(query, {"$set": {"due_at": head["due_at"]}})


def _due(name: str, *, now: datetime) -> Document:
    return {"destination": name, "state": PENDING, "due_at": {"$lte": now}}


def _ids(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return [row["_id"] for row in rows]
