"""The last failure of the listener, kept with the position.

An alert is sent once per incident. An incident ends when a listener moves the position.
"""

from datetime import datetime
from typing import Any

import structlog
from pymongo.errors import PyMongoError

from docustore.changes.lease import Lease
from docustore.changes.position import OWNED_POSITIONS, POSITIONS
from docustore.database import Database
from docustore.errors import DocustoreError
from docustore.transient import is_transient

log = structlog.get_logger()


async def note_failure(database: Database, lease: Lease, error: Exception) -> None:
    """Record a failure that stops the listener, if this listener still has the lease.

    The same text again is the same incident, as long as the position does not move.
    """
    if is_transient(error):
        return
    kind = type(error).__name__
    # The text of a foreign error may quote a user.
    is_known = isinstance(error, DocustoreError | PyMongoError)
    message = str(error)[:500] if is_known else f"unexpected {kind}: see the log of the listener"
    is_same = {
        "$and": [
            {"$eq": ["$last_error.error", kind]},
            {"$eq": ["$last_error.message", {"$literal": message}]},
        ]
    }
    noted = {
        "error": kind,
        "message": {"$literal": message},
        "at": {"$cond": [is_same, "$last_error.at", "$$NOW"]},
        "alerted_at": {"$cond": [is_same, "$last_error.alerted_at", None]},
    }
    try:
        await database[POSITIONS].update_one(
            {"_id": lease.position_id, "fence": lease.fence}, [{"$set": {"last_error": noted}}]
        )
    except PyMongoError as exc:
        log.warning("listener.failure_not_noted", error=type(exc).__name__)


async def take_alert(database: Database, error: Exception, *, at: datetime) -> bool:
    """Tell whether an alert about this failure is due, and take it.

    One process sends it once. A failure that could not be recorded is always due.
    """
    query: dict[str, Any] = {**OWNED_POSITIONS, "last_error.error": type(error).__name__}
    try:
        if await database[POSITIONS].find_one(query, {"_id": 1}) is None:
            return True
        result = await database[POSITIONS].update_many(
            {**query, "last_error.alerted_at": None}, {"$set": {"last_error.alerted_at": at}}
        )
    except PyMongoError:
        return True
    return result.modified_count > 0
