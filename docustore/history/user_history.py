"""Pages of the history of one user: who changed what, as JSON patches."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from docustore.api.pagination import DEFAULT_LIMIT, cut_page, decode_cursor, number_of, numbered
from docustore.database import Database, Document
from docustore.errors import NotFoundError
from docustore.history.horizon import Horizon
from docustore.history.json_patch import PatchOperation, changed_names, json_patch
from docustore.history.models import EXTERNAL_SOURCE, Operation
from docustore.history.rows import Image
from docustore.history.stored_rows import NEWEST_FIRST, OLDEST_FIRST, history_rows, states_of_rows
from docustore.users.store import users
from docustore.users.stored import user_key
from docustore.users.views import user_view

# A change moves these in any case.
_ALWAYS_CHANGED: Final = frozenset({"full_name", "updated_at", "version"})


class HistoryOrder(StrEnum):
    """The order of a page: the newest change first, or the oldest."""

    DESCENDING = "desc"
    ASCENDING = "asc"


class CauseView(msgspec.Struct, frozen=True):
    """Who made a change, and in which request or run; null where it is unknown."""

    actor: str | None
    request_id: str | None
    run_id: str | None
    reason: str | None


class HistoryEntry(msgspec.Struct, frozen=True):
    """One change of a user.

    `number` is unique among all changes of all users and grows with time. `source` is the writer, `external` if it
    is not docustore; `cause` then is null. `patch` is a JSON Patch from the user before to the user after, as the
    API shows users, with `deleted_at`; null stands for a user that does not exist. `changed` are the fields that
    the patch touches, without `version`, `updated_at` and `full_name`. `version` is that after the change.
    `is_approximate`: the state was read later than the change. `omitted` are fields that were too large to be
    kept.
    """

    number: int
    at: datetime
    operation: Operation
    source: str
    cause: CauseView | None
    changed: list[str]
    patch: list[PatchOperation]
    version: int | None
    is_approximate: bool
    omitted: list[str]


class HistoryPage(msgspec.Struct, frozen=True):
    """One page of changes; `next_cursor` is null on the last page."""

    items: list[HistoryEntry]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """One page of the changes of one user."""

    user_id: str
    order: HistoryOrder = HistoryOrder.DESCENDING
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


async def list_history(database: Database, horizon: Horizon, query: HistoryQuery) -> HistoryPage:
    """Read one page of the history of a user, also of a deleted one.

    Raises:
        NotFoundError: There is no such user, and there never was one.
        InvalidQueryError: The cursor belongs to another query.
    """
    key, is_newest_first = user_key(query.user_id), query.order is HistoryOrder.DESCENDING
    bound = ("history", query.user_id, query.order)
    known: dict[str, int] = {"$gte": 1, "$lte": horizon.seq}
    if query.cursor is not None:
        known |= {"$lt" if is_newest_first else "$gt": number_of(decode_cursor(query.cursor, query=bound))}
    found = (
        await history_rows(database)
        .find(
            {"user_id": key, "_id": known},
            sort=NEWEST_FIRST if is_newest_first else OLDEST_FIRST,
            limit=query.limit + 1,
        )
        .to_list()
    )
    page, next_cursor = cut_page(found, limit=query.limit, position=lambda row: numbered(row["_id"]), query=bound)
    if not page and query.cursor is None:
        await _require_user(key, query.user_id)
    items = await _entries(database, horizon, page if not is_newest_first else page[::-1])
    return HistoryPage(items=items[::-1] if is_newest_first else items, next_cursor=next_cursor)


async def _entries(database: Database, horizon: Horizon, rows: list[Document]) -> list[HistoryEntry]:
    """Make the entries of consecutive rows, oldest first."""
    if not rows:
        return []
    first = rows[0]
    which = {"user_id": first["user_id"], "_id": {"$lt": first["_id"]}}
    earlier = await history_rows(database).find(which, sort=NEWEST_FIRST, limit=1).to_list()
    states = await states_of_rows(database, [*earlier, *rows], seq=horizon.seq)
    before = states[: len(rows)] if earlier else [None, *states[:-1]]
    after = states[len(earlier) :]
    return [entry_of(row, old, new) for row, old, new in zip(rows, before, after, strict=True)]


def entry_of(row: Mapping[str, Any], before: Image | None, after: Image | None) -> HistoryEntry:
    """Make the entry of one row from the states around its change. Pure."""
    patch = json_patch(shown(before), shown(after))
    return HistoryEntry(
        number=int(row["_id"]),
        at=row["valid_from"],
        operation=Operation(row["operation"]),
        source=row.get("source", EXTERNAL_SOURCE),
        cause=_cause(row.get("cause")),
        changed=[name for name in changed_names(patch) if name not in _ALWAYS_CHANGED],
        patch=patch,
        version=None if after is None else user_view(after).version,
        is_approximate=bool(row.get("approximate", False)),
        omitted=list(row.get("omitted") or ()),
    )


def shown(state: Image | None) -> dict[str, Any] | None:
    """Return a user as the API shows it, as JSON values, with `deleted_at`. Pure."""
    if state is None:
        return None
    document: dict[str, Any] = msgspec.to_builtins(user_view(state), enc_hook=str)
    document["deleted_at"] = msgspec.to_builtins(state.get("deleted_at"), enc_hook=str)
    return document


def _cause(stored: Mapping[str, Any] | None) -> CauseView | None:
    if stored is None:
        return None
    return CauseView(**{name: stored.get(name) for name in CauseView.__struct_fields__})


async def _require_user(key: Any, user_id: str) -> None:
    if await users().find_one({"_id": key}, {"_id": 1}) is None:
        raise NotFoundError(kind="user", id=user_id)
