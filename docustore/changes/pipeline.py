"""What the change stream is asked for: where it starts, and the shape of its events. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bson.timestamp import Timestamp

from docustore.changes.events import ENDING_OPERATIONS, HEAD_FIELDS, Token
from docustore.history.rows import BOOKKEEPING

USERS: Final = "users"
CHANGE_OPERATIONS: Final = ("insert", "update", "replace", "delete", *sorted(ENDING_OPERATIONS))
# What nobody asks of the state before; `version` tells who wrote, `_id` who is meant.
UNCOMPARED: Final = sorted(BOOKKEEPING - {"_id", "version"})


class Images(StrEnum):
    """Which images the server adds to each event."""

    BOTH = "both"
    # For an event that would not fit into 16 MB with both; history knows the state before.
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPoint:
    """Where a stream opens: after a token's event, or with the first change at or after a cluster time."""

    token: Token | None = None
    start_at: Timestamp | None = None


def change_pipeline(start: StartPoint, *, images: Images) -> list[dict[str, Any]]:
    """Select and reshape the changes of one collection.

    Shape: `{_id: token, after, before, operation, user_id, cluster_time, wall_time, head}`; images null where
    the server has none, `head` for inserts only (see `docustore.changes.events`). `password_hash` never leaves
    the server; what the listener does not compare is not sent.
    """
    options: dict[str, Any] = {"fullDocument": "whenAvailable"}
    if images is Images.BOTH:
        options["fullDocumentBeforeChange"] = "whenAvailable"
    if start.token is not None:
        options["resumeAfter"] = start.token
    elif start.start_at is not None:
        options["startAtOperationTime"] = start.start_at
    head = {"_id": "$documentKey._id", **{name: f"$fullDocument.{name}" for name in HEAD_FIELDS}}
    return [
        {"$changeStream": options},
        {"$match": {"operationType": {"$in": list(CHANGE_OPERATIONS)}}},
        {
            "$project": {
                "after": "$fullDocument",
                "before": "$fullDocumentBeforeChange",
                "operation": "$operationType",
                "user_id": "$documentKey._id",
                "cluster_time": "$clusterTime",
                "wall_time": "$wallTime",
                "head": {"$cond": [{"$eq": ["$operationType", "insert"]}, head, "$$REMOVE"]},
            }
        },
        {"$project": {"after.password_hash": 0, **{f"before.{name}": 0 for name in UNCOMPARED}}},
    ]
