"""Store saved queries; every change is in the audit log.

Shape: that of `docustore.analytics.named_documents`, and `{query, description}`. `query` is a body of
`POST /analytics/query`. A later version of the language may not know all of it, so it is checked when it is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.analytics.named_documents import NamedDocuments
from docustore.analytics.query.model import QueryInput
from docustore.analytics.query.saved.bodies import SavedQueryInput
from docustore.api.body_types import parsed
from docustore.database import Database, Document
from docustore.errors import FieldError, ForbiddenError, InvalidInputError, SavedQueryInUseError
from docustore.security.models import Scope

SAVED_QUERIES: Final = "analytics_queries"
# Of `docustore.reports`, which stands above; a report holds the name of its `query`.
REPORTS: Final = "analytics_reports"
MAX_SAVED: Final = 1000


def _audited(saved: Mapping[str, Any]) -> Document:
    return {name: saved[name] for name in ("query", "description", "version")}


_SAVED: Final = NamedDocuments(
    collection=SAVED_QUERIES,
    kind="saved query",
    plural="saved queries",
    subject="query",
    max_documents=MAX_SAVED,
    audited=_audited,
)


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


async def find_saved(database: Database, name: str) -> Document:
    """Read a saved query.

    Raises:
        NotFoundError: There is none with this name.
    """
    return await _SAVED.find(database, name)


async def list_saved(database: Database) -> list[Document]:
    """List all saved queries by name."""
    return await _SAVED.by_name(database)


async def save(
    database: Database,
    name: str,
    given: SavedQueryInput,
    *,
    writer: Writer,
    if_match: str | None,
    now: datetime,
) -> Document:
    """Create or replace a saved query; a new one has version 1.

    Args:
        if_match: The header `If-Match`; see `NamedDocuments.save`.

    Raises:
        ForbiddenError: The query belongs to another key.
        InvalidInputError, PreconditionRequiredError, SavedQueryChangedError, TooManySavedQueriesError: See
            `NamedDocuments.save`.
    """

    def content(before: Document | None) -> Document:
        if before is not None:
            writer.require_may_change(before)
        return {"query": given.query.model_dump(mode="json"), "description": given.description}

    return await _SAVED.save(database, name, content, if_match=if_match, actor=writer.actor, now=now)


async def hold(database: Database, name: str, session: AsyncClientSession) -> bool:
    """Keep a saved query until the transaction ends.

    A deletion at the same time would not see the report that the transaction writes. False if there is no query of
    this name.
    """
    result = await database[SAVED_QUERIES].update_one(
        {"_id": name}, {"$currentDate": {"held_at": True}}, session=session
    )
    return bool(result.matched_count)


async def remove(database: Database, name: str, *, writer: Writer) -> None:
    """Delete a saved query.

    Raises:
        NotFoundError: There is none with this name.
        ForbiddenError: It belongs to another key.
        SavedQueryInUseError: Reports answer it.
    """

    async def check(saved: Document, session: AsyncClientSession) -> None:
        writer.require_may_change(saved)
        used = database[REPORTS].find({"query": name}, {"_id": 1}, sort=[("_id", 1)], session=session)
        if reports := [str(each["_id"]) async for each in used]:
            raise SavedQueryInUseError(name=name, reports=tuple(reports))

    await _SAVED.remove(database, name, check, actor=writer.actor)


def stored_query(saved: Document) -> QueryInput:
    """Read the question of a saved query.

    Raises:
        InvalidInputError: It does not fit the language of this version; the errors name its members.
    """
    return parsed(QueryInput, saved["query"], prefix=("query",))


def problems_of(saved: Document) -> tuple[FieldError, ...]:
    """List what does not fit the language of this version; empty if all does."""
    try:
        stored_query(saved)
    except InvalidInputError as exc:
        return exc.errors
    return ()
