"""Documents that people save under a name: saved queries and reports.

Shape: `{_id: name, owner, version, created_at, updated_at, updated_by}` and the content. Every change is in the
audit log, written in its transaction. A replacement needs the version that it replaces.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.audit.log import record
from docustore.database import Database, Document, in_transaction
from docustore.errors import (
    FieldError,
    InvalidInputError,
    NotFoundError,
    PreconditionRequiredError,
    SavedQueryChangedError,
    TooManySavedQueriesError,
)
from docustore.users.preconditions import IfMatch

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_NAME: Final = re.compile(NAME_PATTERN.removesuffix("$"))

# Returns the new content from the document before, None for a new one; may refuse by an error.
Content = Callable[[Document | None], Document]
# Does more in the transaction of a save; may refuse by an error.
Also = Callable[[AsyncClientSession], Awaitable[None]]
# Does more in the transaction of a removal; may refuse by an error.
Removal = Callable[[Document, AsyncClientSession], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDocuments:
    """One collection of named documents.

    `kind` and `plural` name the documents in messages, `subject` in the actions of the audit log, such as
    `report.save`. `audited` returns what the log keeps of a document, without secrets.
    """

    collection: str
    kind: str
    plural: str
    subject: str
    max_documents: int
    audited: Callable[[Mapping[str, Any]], Document]

    async def find(self, database: Database, name: str, *, session: AsyncClientSession | None = None) -> Document:
        """Read one document.

        Raises:
            NotFoundError: There is none with this name.
        """
        found = await database[self.collection].find_one({"_id": name}, session=session)
        if found is None:
            raise NotFoundError(kind=self.kind, id=name)
        return found

    async def by_name(self, database: Database) -> list[Document]:
        """List all documents by name."""
        return await database[self.collection].find({}, sort=[("_id", 1)]).to_list()

    async def save(  # the parts of one change
        self,
        database: Database,
        name: str,
        content: Content,
        *,
        if_match: str | None,
        actor: str,
        now: datetime,
        also: Also | None = None,
    ) -> Document:
        """Create or replace a document; a new one has version 1.

        Args:
            also: Runs in the transaction, before the document is written.
            if_match: The header `If-Match`. A replacement needs it; a new document has no version to match.

        Raises:
            InvalidInputError: The name is malformed.
            PreconditionRequiredError: The document exists, and there is no `If-Match`.
            SavedQueryChangedError: It is at another version, or is gone.
            TooManySavedQueriesError: There are as many as allowed.
        """
        _require_name(name)

        async def write(session: AsyncClientSession) -> Document:
            before = await database[self.collection].find_one({"_id": name}, session=session)
            self._require_version(before, name, if_match=if_match)
            if before is None:
                await self._require_room(database, session)
            if also is not None:
                await also(session)
            kept: Document = before or {"owner": actor, "created_at": now, "version": 0}
            after: Document = {**kept, **content(before), "_id": name, "updated_at": now, "updated_by": actor}
            after["version"] += 1
            await self.replace(database, "save", before, after, actor=actor, session=session)
            return after

        return await in_transaction(database, write)

    async def replace(
        self,
        database: Database,
        verb: str,
        before: Document | None,
        after: Document,
        *,
        actor: str,
        session: AsyncClientSession,
    ) -> None:
        """Store a document, with its entry in the audit log, in the caller's transaction."""
        name = after["_id"]
        await database[self.collection].replace_one({"_id": name}, after, upsert=True, session=session)
        await self._record(database, verb, name, before, after, actor=actor, session=session)

    async def remove(self, database: Database, name: str, also: Removal, *, actor: str) -> None:
        """Delete a document.

        Raises:
            NotFoundError: There is none with this name.
        """

        async def write(session: AsyncClientSession) -> None:
            before = await self.find(database, name, session=session)
            await also(before, session)
            await database[self.collection].delete_one({"_id": name}, session=session)
            await self._record(database, "delete", name, before, None, actor=actor, session=session)

        await in_transaction(database, write)

    def _require_version(self, before: Document | None, name: str, *, if_match: str | None) -> None:
        if before is None:
            if if_match is not None:
                raise SavedQueryChangedError(kind=self.kind, name=name, actual=0)
            return
        if if_match is None:
            raise PreconditionRequiredError
        versions = IfMatch.required(if_match).versions
        if versions is not None and before["version"] not in versions:
            raise SavedQueryChangedError(kind=self.kind, name=name, actual=before["version"])

    async def _require_room(self, database: Database, session: AsyncClientSession) -> None:
        if await database[self.collection].count_documents({}, session=session) >= self.max_documents:
            raise TooManySavedQueriesError(plural=self.plural, limit=self.max_documents)

    async def _record(
        self,
        database: Database,
        verb: str,
        name: str,
        before: Document | None,
        after: Document | None,
        *,
        actor: str,
        session: AsyncClientSession,
    ) -> None:
        await record(
            database,
            actor=actor,
            action=f"{self.subject}.{verb}",
            target=f"{self.collection}/{name}",
            before=None if before is None else self.audited(before),
            after=None if after is None else self.audited(after),
            session=session,
        )


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        detail = f"a name has a-z, 0-9, - and _, and at most 64 characters: {NAME_PATTERN}"
        raise InvalidInputError((FieldError(pointer="/name", code="not_allowed", detail=detail),))
