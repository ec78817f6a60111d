"""Read the audit log, latest entry first, by keyset."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from bson import ObjectId

from docustore.api.pagination import CURSOR_INVALID, DEFAULT_LIMIT, Position, cut_page, decode_cursor
from docustore.audit.log import AUDIT_LOG
from docustore.database import Database
from docustore.errors import InvalidQueryError

Filter = dict[str, Any]


class AuditEntry(msgspec.Struct, frozen=True):
    """One action of a person: who did what, when, on what.

    `before` and `after` are the facts that the action changed; null where there were none.
    """

    id: str
    at: datetime
    actor: str
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(msgspec.Struct, frozen=True):
    """One page of entries; `next_cursor` is null on the last page."""

    items: list[AuditEntry]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which entries to read; None = any. From `since` up to, but not at, `until`."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    def as_query(self) -> Filter:
        """Build the MongoDB filter. Pure."""
        equal = {"actor": self.actor, "action": self.action, "target": self.target}
        query: Filter = {name: value for name, value in equal.items() if value is not None}
        bounds = {"$gte": self.since, "$lt": self.until}
        times = {name: bound for name, bound in bounds.items() if bound is not None}
        return {**query, "at": times} if times else query


async def list_entries(database: Database, query: AuditQuery) -> AuditPage:
    """Read one page of the audit log.

    Raises:
        InvalidQueryError: The cursor belongs to another query.
    """
    bound = ("audit", query.actor, query.action, query.target, query.since, query.until)
    which = query.as_query()
    if query.cursor is not None:
        which = after(decode_cursor(query.cursor, query=bound), which)
    order = [("at", -1), ("_id", -1)]
    found = await database[AUDIT_LOG].find(which, sort=order, limit=query.limit + 1).to_list()
    page, cursor = cut_page(found, limit=query.limit, position=_position, query=bound)
    return AuditPage(items=[entry_of(entry) for entry in page], next_cursor=cursor)


def after(position: Position, which: Filter) -> Filter:
    """Narrow a filter to the entries after a position. Pure.

    Raises:
        InvalidQueryError: The position is none of an entry.
    """
    if position.at is None or not ObjectId.is_valid(position.id):
        raise InvalidQueryError((CURSOR_INVALID,))
    earlier: list[Filter] = [
        {"at": position.at, "_id": {"$lt": ObjectId(position.id)}},
        {"at": {"$lt": position.at}},
    ]
    return {"$and": [which, {"$or": earlier}]} if which else {"$or": earlier}


def entry_of(entry: Mapping[str, Any]) -> AuditEntry:
    """Make the answer of one stored entry. Pure."""
    facts = {name: msgspec.to_builtins(entry.get(name), enc_hook=str) for name in ("before", "after")}
    words = {name: str(entry.get(name, "")) for name in ("actor", "action", "target")}
    return msgspec.convert({"id": str(entry["_id"]), "at": entry["at"], **words, **facts}, AuditEntry)


def _position(entry: Mapping[str, Any]) -> Position:
    return Position(at=entry["at"], id=str(entry["_id"]))
