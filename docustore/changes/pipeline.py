"""The request for the change stream: its start, the shape of events. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bson.timestamp import Timestamp

from docustore.changes.effects.fields import SECRET_FIELDS, ImageFields
from docustore.changes.events import ENDING_OPERATIONS, Token
from docustore.history.rows import BOOKKEEPING

# The id of the user of an event.
USER_ID: Final = "$documentKey._id"
CHANGE_OPERATIONS: Final = ("insert", "update", "replace", "delete", *sorted(ENDING_OPERATIONS))


class Images(StrEnum):
    """Which images the server adds to each event.

    `both` is the rule; an event then also repeats the declared fields of an insert. `after` and `none` are for an
    event that would exceed 16 MB: history knows the state before, the collection the present state.
    """

    BOTH = "both"
    AFTER = "after"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPoint:
    """Where a stream opens: after the event of a token, or at a cluster time.

    At a cluster time the first change is the one at or after it.
    """

    token: Token | None = None
    start_at: Timestamp | None = None


def change_pipeline(
    start: StartPoint,
    *,
    images: Images,
    fields: ImageFields,
    up_to: dict[str, Any] | None = None,
    only: Sequence[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Select and reshape the changes of one collection.

    Shape: `{_id: token, after, before, operation, user_id, cluster_time, wall_time, head}`. Images are null where
    the server has none. `head` comes with inserts only and holds the fields declared for the after-image (see
    `docustore.changes.events`); it is absent where whole images are declared. `password_hash` never leaves the
    server. Bookkeeping that no effect reads is dropped from pre-images.

    Args:
        fields: What the effects declare, combined.
        up_to: The expression of the greatest `_id` whose changes are wanted; None for every user.
        only: Further conditions of wanted changes, as expressions.
    """
    options: dict[str, Any] = {}
    if images is not Images.NONE:
        options["fullDocument"] = "whenAvailable"
    if images is Images.BOTH:
        options["fullDocumentBeforeChange"] = "whenAvailable"
    if start.token is not None:
        options["resumeAfter"] = start.token
    elif start.start_at is not None:
        options["startAtOperationTime"] = start.start_at
    return [
        {"$changeStream": options},
        {
            "$match": {
                "operationType": {"$in": list(CHANGE_OPERATIONS)},
                **wanted(only if up_to is None else ({"$lte": [USER_ID, up_to]}, *only)),
            }
        },
        {
            "$project": {
                **_images(images),
                "operation": "$operationType",
                "user_id": USER_ID,
                "cluster_time": "$clusterTime",
                "wall_time": "$wallTime",
                **(_head(fields) if images is Images.BOTH else {}),
            }
        },
        {"$project": {"after.password_hash": 0, **{f"before.{name}": 0 for name in _dropped(fields)}}},
    ]


def wanted(conditions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the query of changes with all these conditions.

    The end of the collection is among them.
    """
    if not conditions:
        return {}
    is_ending = {"operationType": {"$in": sorted(ENDING_OPERATIONS)}}
    condition = conditions[0] if len(conditions) == 1 else {"$and": list(conditions)}
    return {"$or": [is_ending, {"$expr": condition}]}


def _images(images: Images) -> dict[str, Any]:
    if images is Images.NONE:
        return {}
    # First, so that `docustore.changes.events` finds the bytes of `after`.
    return {"after": "$fullDocument", "before": "$fullDocumentBeforeChange"}


def _head(fields: ImageFields) -> dict[str, Any]:
    if fields.is_whole:
        return {}
    names = sorted(fields.after - {"_id"})
    head = {"_id": USER_ID, **{name: f"$fullDocument.{name}" for name in names}}
    return {"head": {"$cond": [{"$eq": ["$operationType", "insert"]}, head, "$$REMOVE"]}}


def _dropped(fields: ImageFields) -> list[str]:
    unread = frozenset() if fields.is_whole else BOOKKEEPING - {"_id"} - fields.before
    return sorted(unread | SECRET_FIELDS)
