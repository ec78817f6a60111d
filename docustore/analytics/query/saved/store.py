"""Store saved queries; every change is in the audit log.

Shape: `{_id: name, query, description, owner, version, created_at, updated_at, updated_by}`. `query` is a body of
`POST /analytics/query`. A later version of the language may not know all of it, so it is checked when it is read.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from pydantic import ValidationError
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.analytics.query.model import QueryInput
from docustore.analytics.query.saved.bodies import NAME, NAME_PATTERN, SavedQueryInput
from docustore.api.field_errors import field_errors
from docustore.audit.log import record
from docustore.database import Database, Document
from docustore.errors import (
    FieldError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    PreconditionRequiredError,
    SavedQueryChangedError,
    TooManySavedQueriesError,
)
from docustore.security.models import Scope
from docustore.users.preconditions import IfMatch

T = TypeVar("T")
SAVED_QUERIES: Final = "analytics_queries"
MAX_SAVED: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who changes a saved query: its owner, or an administrator."""

    actor: str
    is_admin: bool

    def require_may_change(self, saved: Document) -> None:
        """Refuse other writers.

        Raises:
            ForbiddenError: The query belongs to another key.
        """
        if saved["owner"] != self.actor and not self.is_admin:
            raise ForbiddenError(scope=Scope.ADMIN.value)


async def find_saved(database: Database, name: str, *, session: AsyncClientSession | None = None) -> Document:
    """Read a saved query.

    Raises:
        NotFoundError: There is none with this name.
    """
    found = await database[SAVED_QUERIES].find_one({"_id": name}, session=session)
    if found is None:
        raise NotFoundError(kind="saved query", id=name)
    return found


async def list_saved(database: Database) -> list[Document]:
    """List all saved queries by name."""
    return await database[SAVED_QUERIES].find({}, sort=[("_id", 1)]).to_list()


async def save(
    database: Database,
    name: str,
    given: SavedQueryInput,
    *,
    writer: Writer,
    if_match: str | None,
    now: datetime,
) -> tuple[Document, bool]:
    """Create or replace a saved query; return it, and whether it is new.

    Args:
        if_match: The header `If-Match`. A replacement needs it; a new query has no version to match.

    Raises:
        InvalidInputError: The name is malformed.
        TooManySavedQueriesError: There are as many as allowed.
        ForbiddenError: The query belongs to another key.
        PreconditionRequiredError: The query exists, and there is no `If-Match`.
        SavedQueryChangedError: It is at another version, or is gone.
    """
    _require_name(name)
    content = {"query": given.query.model_dump(mode="json"), "description": given.description}

    async def write(session: AsyncClientSession) -> tuple[Document, bool]:
        before = await database[SAVED_QUERIES].find_one({"_id": name}, session=session)
        _require_version(before, name, if_match=if_match)
        if before is None:
            await _require_room(database, session)
        else:
            writer.require_may_change(before)
        created = {"owner": writer.actor, "created_at": now, "version": 0} if before is None else before
        after = {**created, "_id": name, **content, "updated_at": now, "updated_by": writer.actor}
        after["version"] += 1
        await database[SAVED_QUERIES].replace_one({"_id": name}, after, upsert=True, session=session)
        shown = None if before is None else _shown(before)
        await _record(database, "query.save", name, writer, session=session, before=shown, after=_shown(after))
        return after, before is None

    return await _in_transaction(database, write)


async def remove(database: Database, name: str, *, writer: Writer) -> None:
    """Delete a saved query.

    Raises:
        NotFoundError: There is none with this name.
        ForbiddenError: It belongs to another key.
    """

    async def write(session: AsyncClientSession) -> None:
        before = await find_saved(database, name, session=session)
        writer.require_may_change(before)
        await database[SAVED_QUERIES].delete_one({"_id": name}, session=session)
        await _record(database, "query.delete", name, writer, session=session, before=_shown(before))

    await _in_transaction(database, write)


def stored_query(saved: Document) -> QueryInput:
    """Read the question of a saved query.

    Raises:
        InvalidInputError: It does not fit the language of this version; the errors name its members.
    """
    try:
        return QueryInput.model_validate(saved["query"])
    except ValidationError as exc:
        raise InvalidInputError(field_errors(exc.errors(), prefix=("query",))) from exc


def problems_of(saved: Document) -> tuple[FieldError, ...]:
    """List what does not fit the language of this version; empty if all does."""
    try:
        stored_query(saved)
    except InvalidInputError as exc:
        return exc.errors
    return ()


def _require_name(name: str) -> None:
    if not NAME.fullmatch(name):
        detail = f"a name has a-z, 0-9, - and _, and at most 64 characters: {NAME_PATTERN}"
        raise InvalidInputError((FieldError(pointer="/name", code="not_allowed", detail=detail),))


def _require_version(before: Document | None, name: str, *, if_match: str | None) -> None:
    if before is None:
        if if_match is not None:
            raise SavedQueryChangedError(name=name, actual=0)
        return
    if if_match is None:
        raise PreconditionRequiredError
    versions = IfMatch.required(if_match).versions
    if versions is not None and before["version"] not in versions:
        raise SavedQueryChangedError(name=name, actual=before["version"])


async def _require_room(database: Database, session: AsyncClientSession) -> None:
    if await database[SAVED_QUERIES].count_documents({}, session=session) >= MAX_SAVED:
        raise TooManySavedQueriesError(limit=MAX_SAVED)


async def _record(
    database: Database,
    action: str,
    name: str,
    writer: Writer,
    *,
    session: AsyncClientSession,
    before: Document | None = None,
    after: Document | None = None,
) -> None:
    target = f"{SAVED_QUERIES}/{name}"
    await record(
        database, actor=writer.actor, action=action, target=target, before=before, after=after, session=session
    )


def _shown(saved: Document) -> Document:
    return {name: saved[name] for name in ("query", "description", "version")}


async def _in_transaction(database: Database, work: Callable[[AsyncClientSession], Awaitable[T]]) -> T:
    async with database.client.start_session() as session:
        return await session.with_transaction(work)
