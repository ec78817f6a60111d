"""An event as its receivers see it: made from a row of history. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from docustore.changes.subscriptions import EventKind, changed_paths
from docustore.clock import as_utc
from docustore.users.cause import CAUSE_PARTS
from docustore.users.views import UserView, user_view

TYPES: Final = {
    EventKind.INSERT: "user.created",
    EventKind.UPDATE: "user.updated",
    EventKind.DELETE: "user.deleted",
    EventKind.RESTORE: "user.restored",
}
# Receivers often refuse more. A user of docustore has a few kilobytes, one of another client up to 16 MB.
MAX_BODY_BYTES: Final = 256 * 1024


class ChangeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one user.

    `number` is that of history: it grows with every change, and a repeated delivery has the same one. `user` is
    the user as clients see it after the change, None if it is deleted. With `is_partial` the user was too large
    or is no longer in history: read it from the API. `changed` are the paths of the changed values; empty for a
    new user.
    """

    number: int
    kind: EventKind
    user_id: str
    user: UserView | None
    is_partial: bool
    changed: list[str]
    source: str
    cause: dict[str, str] | None
    at: datetime

    @property
    def type(self) -> str:
        """Return the type of the event, such as `user.updated`."""
        return TYPES[self.kind]


def event_of(row: Mapping[str, Any], history: Mapping[str, Any] | None) -> ChangeEvent:
    """Make the event of a row of the outbox.

    Args:
        history: The row of history with the same number; None if its retention has removed it.
    """
    kind = EventKind(row["kind"])
    known = history or {}
    after = known.get("after")
    is_there = kind is not EventKind.DELETE
    user = _view(after) if is_there and after is not None else None
    return ChangeEvent(
        number=int(row["number"]),
        kind=kind,
        user_id=str(row["user_id"]),
        user=user,
        is_partial=is_there and (user is None or bool(known.get("omitted"))),
        changed=[] if kind is EventKind.INSERT else sorted(set(changed_paths(known.get("changes") or {}))),
        source=str(known.get("source", "")),
        cause=_cause(known.get("cause")),
        at=as_utc(row["at"]),
    )


def body_of(event: ChangeEvent) -> bytes:
    """Encode an event as the JSON body of a webhook, at most 256 KiB.

    Shape: `{"type", "timestamp", "data": {"number", "operation", "user_id", "user", "is_partial", "changed",
    "source", "cause"}}`. Equal events have equal bodies.
    """
    body = _encoded(event)
    if len(body) <= MAX_BODY_BYTES:
        return body
    body = _encoded(msgspec.structs.replace(event, user=None, is_partial=True))
    if len(body) <= MAX_BODY_BYTES:
        return body
    # Another client has given the user thousands of fields.
    return _encoded(msgspec.structs.replace(event, user=None, is_partial=True, changed=[]))


def _encoded(event: ChangeEvent) -> bytes:
    data = {
        "number": event.number,
        "operation": event.kind.value,
        "user_id": event.user_id,
        "user": event.user,
        "is_partial": event.is_partial,
        "changed": event.changed,
        "source": event.source,
        "cause": event.cause,
    }
    return msgspec.json.encode({"type": event.type, "timestamp": event.at, "data": data})


def _view(after: Mapping[str, Any]) -> UserView | None:
    """Make the view of a user; None if it has values that JSON does not have."""
    try:
        view = user_view(after)
        msgspec.json.encode(view)
    except (AttributeError, TypeError, ValueError):
        return None
    return view


def _cause(cause: object) -> dict[str, str] | None:
    if not isinstance(cause, Mapping):
        return None
    known = {name: cause[name] for name in CAUSE_PARTS if isinstance(cause.get(name), str)}
    return known or None
