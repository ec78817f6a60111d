"""The derived effect `user_search`: parts of names and addresses of all users."""

from collections.abc import Sequence
from typing import ClassVar, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.derived.derivation import DerivedEffect, Replacement
from docustore.config import Settings
from docustore.database import Database, Document
from docustore.history.rows import Image
from docustore.users.search_index import SEARCH_ATOMS, SEARCHED_FIELDS, USER_SEARCH, search_document
from docustore.users.search_words import is_looked_up, tails

# About 30 MB of short texts. Most atoms of a change are known, and then nothing is read.
MAX_KNOWN_ATOMS: Final = 200_000


class UserSearchEffect(DerivedEffect):
    """One document per user that is not deleted, and the atoms of all users."""

    name: ClassVar[str] = USER_SEARCH
    version: ClassVar[int] = 1
    collection: ClassVar[str] = USER_SEARCH
    fields = SEARCHED_FIELDS

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._known: set[str] = set()

    def state_of(self, user: Image) -> Document | None:
        """Make the document of a user; see `docustore.users.search_index`."""
        return search_document(user)

    async def write(
        self, database: Database, replacements: Sequence[Replacement], session: AsyncClientSession
    ) -> None:
        """Write the documents, after the atoms that are new."""
        wanted = {
            atom
            for each in replacements
            if each.after is not None
            for atom in each.after["words"]
            if atom not in self._known and is_looked_up(atom)
        }
        if wanted:
            await self._add_atoms(database, wanted, session)
        await super().write(database, replacements, session)

    async def _add_atoms(self, database: Database, wanted: set[str], session: AsyncClientSession) -> None:
        found = database[SEARCH_ATOMS].find({"_id": {"$in": list(wanted)}}, {"_id": 1}, session=session)
        stored = {document["_id"] async for document in found}
        if new := sorted(wanted - stored):
            documents = [{"_id": atom, "tails": tails(atom)} for atom in new]
            await database[SEARCH_ATOMS].insert_many(documents, session=session)
        if len(self._known) > MAX_KNOWN_ATOMS:
            self._known.clear()
        # Not the new ones: the transaction may still be taken back.
        self._known |= stored
