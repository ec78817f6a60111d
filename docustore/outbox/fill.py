"""Give a destination the changes of the past: at its start, or once more.

The range is part of the destination's document. The worker that delivers to the destination makes the rows,
some thousands ahead of the deliveries. Until it is done, later events wait, so that each user's events stay in
order.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from pymongo import UpdateOne

from docustore.changes.subscriptions import (
    OUTBOX,
    PENDING,
    EventKind,
    Subscription,
    changed_paths,
    kind_of,
    outbox_row,
    subscription_of,
)
from docustore.clock import now_utc
from docustore.database import Database, Document
from docustore.history.models import HISTORY, Operation
from docustore.history.stored_rows import history_rows
from docustore.outbox.lease import DeliveryLease, update_held
from docustore.outbox.rows import changes_of

ROWS_PER_STEP: Final = 1000
# The rows of a replay wait in history, not in the outbox.
MAX_AHEAD: Final = 5000
# The type tells a user that is gone from a state that is compacted.
_FIELDS: Final = {
    "operation": 1,
    "user_id": 1,
    "changes": 1,
    "valid_from": 1,
    "after.status": 1,
    "after.deleted_at": 1,
    "after_type": {"$type": "$after"},
}
_GONE: Final = "null"
_COMPACTED: Final = "missing"


async def fill_next(database: Database, lease: DeliveryLease, destination: Mapping[str, Any]) -> Document | None:
    """Make the next rows of a range; return the rest of the range, None at its end.

    Idempotent: a step that is repeated makes the same rows pending.
    """
    fill: Document = destination["fill"]
    query = {"destination": lease.destination, "state": PENDING, "number": {"$lte": fill["next"]}}
    if await database[OUTBOX].count_documents(query, limit=MAX_AHEAD) >= MAX_AHEAD:
        return fill
    end = min(fill["next"] + ROWS_PER_STEP, fill["until"])
    rows = [row async for row in _rows(database, subscription_of(destination), after=fill["next"], up_to=end)]
    if rows:
        await database[OUTBOX].bulk_write([_pending(row) for row in rows], ordered=False)
    rest = {"next": end, "until": fill["until"]} if end < fill["until"] else None
    # A new request may have widened the range.
    is_same = {"$and": [{"$eq": ["$fill.next", fill["next"]]}, {"$eq": ["$fill.until", fill["until"]]}]}
    moved: Document = {"fill": {"$cond": [is_same, {"$literal": rest}, "$fill"]}}
    await update_held(database, lease, [{"$set": moved}])
    return rest


async def _rows(
    database: Database, subscription: Subscription, *, after: int, up_to: int
) -> AsyncIterator[Document]:
    query = {"_id": {"$gt": after, "$lte": up_to}}
    async for history in history_rows(database).find(query, _FIELDS, sort=[("_id", 1)]):
        if history["after_type"] == _COMPACTED:
            history["after"] = (await changes_of(database, [history["_id"]]))[history["_id"]].get("after")
        kind = await _kind(database, history)
        if kind is None:
            continue
        changes = history.get("changes") or {}
        image = _image(history)
        wanted = subscription.wants(kind, status=image.get("status", "active"), changed=changed_paths(changes))
        if wanted:
            yield outbox_row(
                subscription, int(history["_id"]), kind, user_id=history["user_id"], at=history["valid_from"]
            )


async def _kind(database: Database, history: Mapping[str, Any]) -> EventKind | None:
    """Derive what clients saw of a change from its row."""
    operation, deleted = Operation(history["operation"]), (history.get("changes") or {}).get("deleted_at", {})
    after = None if history["after_type"] == _GONE else _image(history)
    before: Document | None
    if operation is Operation.INSERT or (operation is Operation.RECOVERED and await _is_first(database, history)):
        before = None
    elif after is None or deleted:
        before = {"deleted_at": deleted.get("before")}
    else:
        before = {"deleted_at": after.get("deleted_at")}
    return kind_of(operation, before=before, after=after)


def _image(history: Mapping[str, Any]) -> Document:
    """Return status and mark of deletion after the change.

    Where the user is gone, they are those before.
    """
    if history.get("after") is not None:
        return dict(history["after"])
    changes = history.get("changes") or {}
    return {name: changes[name].get("before") for name in ("status", "deleted_at") if name in changes}


async def _is_first(database: Database, history: Mapping[str, Any]) -> bool:
    query = {"user_id": history["user_id"], "_id": {"$lt": history["_id"]}}
    return await database[HISTORY].find_one(query, {"_id": 1}) is None


def _pending(row: Document) -> UpdateOne:
    """Make a row pending, whether it exists or not."""
    again = {"state": PENDING, "attempts": 0, "due_at": row["due_at"], "queued_at": now_utc()}
    created = {name: value for name, value in row.items() if name not in again and name != "_id"}
    return UpdateOne(
        {"_id": row["_id"]},
        {"$set": again, "$setOnInsert": created, "$unset": {"expires_at": "", "done_at": ""}},
        upsert=True,
    )
