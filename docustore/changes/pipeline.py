"""The request for the change stream: its start, the shape of events. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bson.timestamp import Timestamp

from docustore.changes.effects.fields import SECRET_FIELDS, ImageFields
from docustore.changes.events import ENDING_OPERATIONS, Token
from docustore.history.rows import BOOKKEEPING

USERS: Final = "users"
CHANGE_OPERATIONS: Final = ("insert", "update", "replace", "delete", *sorted(ENDING_OPERATIONS))


class Images(StrEnum):
    """Which images the server adds to each event."""

    BOTH = "both"
    # For an event that would not fit into 16 MB with both; history knows the state before.
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPoint:
    """Where a stream opens: after the event of a token, or at a cluster time.

    At a cluster time the first change is the one at or after it.
    """

    token: Token | None = None
    start_at: Timestamp | None = None


def change_pipeline(start: StartPoint, *, images: Images, fields: ImageFields) -> list[dict[str, Any]]:
    """Select and reshape the changes of one collection.

    Shape: `{_id: token, after, before, operation, user_id, cluster_time, wall_time, head}`. Images are null where
    the server has none. `head` comes with inserts only and holds the fields declared for the after-image (see
    `docustore.changes.events`); it is absent where whole images are declared. `password_hash` never leaves the
    server. Bookkeeping that no effect reads is dropped from pre-images.

    Args:
        fields: What the effects declare, combined.
    """
    options: dict[str, Any] = {"fullDocument": "whenAvailable"}
    if images is Images.BOTH:
        options["fullDocumentBeforeChange"] = "whenAvailable"
    if start.token is not None:
        options["resumeAfter"] = start.token
    elif start.start_at is not None:
        options["startAtOperationTime"] = start.start_at
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
                **_head(fields),
            }
        },
        {"$project": {"after.password_hash": 0, **{f"before.{name}": 0 for name in _dropped(fields)}}},
    ]


def _head(fields: ImageFields) -> dict[str, Any]:
    if fields.is_whole:
        return {}
    names = sorted(fields.after - {"_id"})
    head = {"_id": "$documentKey._id", **{name: f"$fullDocument.{name}" for name in names}}
    return {"head": {"$cond": [{"$eq": ["$operationType", "insert"]}, head, "$$REMOVE"]}}


def _dropped(fields: ImageFields) -> list[str]:
    unread = frozenset() if fields.is_whole else BOOKKEEPING - {"_id"} - fields.before
    return sorted(unread | SECRET_FIELDS)
