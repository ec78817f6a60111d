"""What the destinations of the outbox want to be told. Pure but for one read.

A destination is a webhook, the stream of Valkey, or a handler. Its document in `outbox_destinations` holds its
filter. The effect `outbox` writes one row for each change and each destination that wants it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bson.int64 import Int64
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.events import Change
from docustore.database import Database, Document
from docustore.history.models import Operation
from docustore.history.rows import Image, changed_fields

OUTBOX: Final = "outbox"
DESTINATIONS: Final = "outbox_destinations"
PENDING: Final = "pending"
# Digits of the number in the `_id` of a row: rows of one destination sort by number.
_NUMBER_DIGITS: Final = 15
# The largest number of destinations; the effect reads them in one reply.
MAX_DESTINATIONS: Final = 100


class EventKind(StrEnum):
    """What happened to a user, as clients see it: a user marked as deleted is gone."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """The filter of one destination; an empty filter wants everything.

    `fields` are paths such as `profile.location` or `profile`. They concern updates only: one of them must have
    changed. `statuses` are those of the user after the change. With `is_one_lane` the events of all users are
    delivered in one order, otherwise those of each user.
    """

    destination: str
    kinds: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    is_one_lane: bool = False

    def wants(self, kind: EventKind, *, status: object, changed: Iterable[str]) -> bool:
        """Tell whether the destination wants an event.

        Args:
            changed: The paths of the changed values; read only where the filter names fields.
        """
        if self.kinds and kind.value not in self.kinds:
            return False
        if self.statuses and status not in self.statuses:
            return False
        if not self.fields or kind is not EventKind.UPDATE:
            return True
        return any(is_below(path, field) for path in changed for field in self.fields)


def is_below(path: str, field: str) -> bool:
    """Tell whether a path is a field or a part of it, or the other way round."""
    return f"{path}.".startswith(f"{field}.") or f"{field}.".startswith(f"{path}.")


def changed_paths(changes: Mapping[str, Any]) -> Iterator[str]:
    """List the paths of changed values, such as `profile.location`.

    Args:
        changes: Those of a row of history.
    """
    for name, change in changes.items():
        yield from _paths(name, change.get("before"), change.get("after"))


def _paths(path: str, before: object, after: object) -> Iterator[str]:
    # Both sides are documents: each holds only what differs.
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)) or not (before or after):
        yield path
        return
    for name in dict.fromkeys((*before, *after)):
        yield from _paths(f"{path}.{name}", before.get(name), after.get(name))


def kind_of(
    operation: Operation, *, before: Image | None, after: Image | None, is_before_known: bool = True
) -> EventKind | None:
    """Tell what clients see of a change; None for what they do not see.

    Users that a first snapshot finds are no event: they were there before.
    """
    if operation is Operation.SNAPSHOT:
        return None
    # The policy `reset` leaves users that history does not know; the operation is what is left.
    was_there = _is_there(before) if is_before_known else operation is not Operation.INSERT
    if _is_there(after):
        if was_there:
            return EventKind.UPDATE
        return EventKind.INSERT if before is None else EventKind.RESTORE
    return EventKind.DELETE if was_there else None


def outbox_rows(changes: Sequence[Change], subscriptions: Sequence[Subscription], *, first: int) -> list[Document]:
    """Make the rows of a batch, in the order of the changes.

    Args:
        first: The number of the first change; the batch is dense.
    """
    needs_fields = any(each.fields for each in subscriptions)
    rows: list[Document] = []
    for number, change in enumerate(changes, first):
        before, after = change.before, change.after
        kind = kind_of(change.operation, before=before, after=after, is_before_known=change.is_before_known)
        if kind is None:
            continue
        image = before if after is None else after
        status = None if image is None else image.get("status", "active")
        is_compared = needs_fields and kind is EventKind.UPDATE
        changed = tuple(changed_paths(changed_fields(before, after))) if is_compared else ()
        rows += [
            outbox_row(each, number, kind, user_id=change.user_id, at=change.wall_time)
            for each in subscriptions
            if each.wants(kind, status=status, changed=changed)
        ]
    return rows


def outbox_row(subscription: Subscription, number: int, kind: EventKind, *, user_id: Any, at: Any) -> Document:
    """Make the row of one event for one destination.

    `lane` is the user, or None where all users share one order. `fence` is that of the last attempt. `due_at`
    is the time of the change: rows are delivered from the oldest.
    """
    return {
        "_id": row_id(subscription.destination, number),
        "destination": subscription.destination,
        "number": Int64(number),
        "kind": kind.value,
        "user_id": user_id,
        "lane": None if subscription.is_one_lane else user_id,
        "state": PENDING,
        "attempts": 0,
        "fence": 0,
        "at": at,
        "queued_at": at,
        "due_at": at,
    }


def row_id(destination: str, number: int) -> str:
    """Return the `_id` of a row; the rows of a destination sort by number."""
    return f"{destination}:{number:0{_NUMBER_DIGITS}d}"


def subscription_of(document: Mapping[str, Any]) -> Subscription:
    """Parse the filter of a destination."""
    return Subscription(
        destination=document["_id"],
        kinds=frozenset(document.get("operations") or ()),
        fields=frozenset(document.get("fields") or ()),
        statuses=frozenset(document.get("statuses") or ()),
        is_one_lane=bool(document.get("is_one_lane")),
    )


async def enabled_subscriptions(database: Database, session: AsyncClientSession) -> list[Subscription]:
    """Read the filters of all enabled destinations, in one round trip."""
    reply = await database.command(
        {
            "find": DESTINATIONS,
            "filter": {"is_enabled": True},
            "projection": {"operations": 1, "fields": 1, "statuses": 1, "is_one_lane": 1},
            "batchSize": MAX_DESTINATIONS,
            "singleBatch": True,
        },
        session=session,
    )
    return [subscription_of(document) for document in reply["cursor"]["firstBatch"]]


def _is_there(image: Image | None) -> bool:
    return image is not None and image.get("deleted_at") is None
