"""One change as the readers of the feed see it. Pure.

A reader sees of a user what `GET /users/{id}` shows to the same key: `user` is that response, and null where that
route answers 404 or 410. Fields that the response lacks are not named either.
"""

from collections.abc import Hashable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from docustore.history.models import Operation
from docustore.users.cause import CAUSE_PARTS
from docustore.users.fields import MAPPED
from docustore.users.views import UserView, user_view

# The names that a reader can filter by: those of the response, and the mark of a deleted user.
FIELDS: Final = (*MAPPED, "deleted_at")
_SHOWN: Final = frozenset(FIELDS)


class FeedOperation(StrEnum):
    """What happened to a user, as a client of the API sees it.

    `delete` and `restore` are also the setting and the removal of the mark `deleted_at`. `snapshot` and
    `recovered` come from a comparison: one event may stand for several changes.
    """

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"
    SNAPSHOT = "snapshot"
    RECOVERED = "recovered"


class ChangeView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change of one user.

    `id` is the number of the change: 1, 2, 3, without gaps. `at` is the time of the change, `source` its writer.
    `changed` names the fields that differ, where the state before is known. `user` is the user after the change,
    null if it is deleted. `omitted` names what could not be shown. `approximate` marks a state that was read
    later.
    """

    id: int
    operation: FeedOperation
    user_id: str
    at: Any
    source: str
    changed: list[str]
    user: UserView | None
    cause: dict[str, str] | None = None
    omitted: list[str] = []
    approximate: bool = False


class FeedEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One encoded change, shared by all readers.

    `data` is one line of JSON. `changed` is None where every field must be taken as changed. `user_key` is the id
    as it is stored.
    """

    id: int
    user_key: Hashable
    operation: FeedOperation
    changed: frozenset[str] | None
    data: bytes


def feed_event(row: Mapping[str, Any]) -> FeedEvent:
    """Make the event of a row; see `docustore.feed.rows` for its shape.

    Never fails: other clients write users of any shape, and one of them must not end the feed.
    """
    operation = operation_of(row)
    names = frozenset(row["changed"])
    is_compared = operation is FeedOperation.UPDATE or (operation is FeedOperation.RECOVERED and names)
    is_unknown = row.get("approximate", False) and not names
    return FeedEvent(
        id=row["_id"],
        user_key=_key_of(row["user_id"]),
        operation=operation,
        changed=names if is_compared and not is_unknown else None,
        data=_encoded(row, operation, sorted(names & _SHOWN)),
    )


def operation_of(row: Mapping[str, Any]) -> FeedOperation:
    """Tell what a client of the API sees happen."""
    stored, mark = row["operation"], row.get("mark")
    if row["after_type"] == "null":
        return FeedOperation.DELETE
    if stored in {Operation.INSERT, Operation.SNAPSHOT, Operation.RECOVERED}:
        return FeedOperation(stored)
    if mark is None:
        return FeedOperation.UPDATE
    return FeedOperation.RESTORE if mark.get("after") is None else FeedOperation.DELETE


def _encoded(row: Mapping[str, Any], operation: FeedOperation, changed: list[str]) -> bytes:
    after = row.get("after") or {}
    is_shown = row["after_type"] != "null" and after.get("deleted_at") is None
    omitted = [name for name in row.get("omitted") or () if name in _SHOWN]
    view = ChangeView(
        id=row["_id"],
        operation=operation,
        user_id=str(row["user_id"]),
        at=row["valid_from"],
        source=row["source"],
        changed=changed,
        user=None,
        cause=_cause(row.get("cause")),
        omitted=omitted,
        approximate=bool(row.get("approximate")),
    )
    if not is_shown:
        return _ENCODER.encode(view)
    try:
        user = user_view({**after, "_id": row["user_id"]})
        return _ENCODER.encode(msgspec.structs.replace(view, user=user))
    except Exception:  # noqa: BLE001  # whatever one user contains, the others are shown
        return _ENCODER.encode(msgspec.structs.replace(view, omitted=[*omitted, "user"]))


def _cause(cause: Any) -> dict[str, str] | None:
    if not isinstance(cause, Mapping):
        return None
    return {name: str(cause[name]) for name in CAUSE_PARTS if cause.get(name) is not None} or None


def _key_of(user_id: Any) -> Hashable:
    try:
        hash(user_id)
    except TypeError:
        return str(user_id)
    return user_id  # type: ignore[no-any-return]


def _plain(value: Any) -> int | str:
    # The driver's 64-bit number; or a value of BSON that JSON has no form for, which only another client writes.
    return int(value) if isinstance(value, int) else str(value)


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain)
