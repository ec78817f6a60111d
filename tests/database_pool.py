"""Databases that tests share one after another: prepared once, then only cleaned.

To create a database takes longer than most tests. The oplog of the server names everything that a test and its
processes have written, so that only this is emptied or made anew.
"""

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from bson.timestamp import Timestamp
from pymongo.asynchronous.collection import AsyncCollection

from docustore.database import Client, Database, Document
from indexes.apply import apply_indexes
from indexes.declaration import Declaration
from indexes.declared import COLLECTIONS, DECLARED
from indexes.lock import LOCKS
from tests.oplog_changes import Changes, changes_since

OUR_VIEWS: Final = {each.name for each in DECLARED} - {each.name for each in COLLECTIONS}
VIEWS: Final = "system.views"


class DatabasePool:
    """Hands out databases that are empty and exactly as declared."""

    def __init__(self, client: Client, oplog: AsyncCollection[Document]) -> None:
        self.client = client
        self._oplog = oplog
        self._free: list[str] = []
        self._all: list[str] = []
        self._clean_at: dict[str, Timestamp] = {}

    def new(self) -> str:
        """Return the name of a database that does not exist."""
        self._all.append(f"test_{uuid4().hex[:12]}")
        return self._all[-1]

    async def take(self) -> str:
        """Return the name of a database that no other test uses at the same time."""
        name = self._free.pop() if self._free else self.new()
        await self._clean(name)
        return name

    def give_back(self, name: str) -> None:
        """Offer it to the next test, which also cleans what is written until then."""
        self._free.append(name)

    async def drop(self, name: str) -> None:
        self._all.remove(name)
        await self.client.drop_database(name)

    async def drop_all(self) -> None:
        for name in list(self._all):
            await self.drop(name)

    async def _clean(self, name: str) -> None:
        database = self.client.get_database(name)
        since = self._clean_at.pop(name, None)
        changes = None if since is None else await changes_since(self._oplog, since, database=name)
        if changes is None:
            await self.client.drop_database(name)
            await _declare(database, DECLARED)
        else:
            await _undo(database, changes)
        hello = await self.client.admin.command("hello")
        self._clean_at[name] = hello["lastWrite"]["opTime"]["ts"]


async def _undo(database: Database, changes: Changes) -> None:
    for collection in sorted(changes.written - changes.altered):
        if not collection.startswith("system."):
            await database[collection].delete_many({})
    if not changes.altered and VIEWS not in changes.written:
        return
    # Views first: the server's own collection of views goes with the last one.
    views = await (await database.list_collections(filter={"type": "view"})).to_list()
    for view in {each["name"] for each in views} - OUR_VIEWS:
        await database[view].drop()
    # What a test has done to its indexes and options cannot survive under another name.
    for collection in sorted(changes.altered):
        if not collection.startswith("system."):
            await database[collection].drop()
    await _declare(database, [each for each in DECLARED if each.name in changes.altered | OUR_VIEWS])


async def _declare(database: Database, declared: Sequence[Declaration]) -> None:
    await apply_indexes(database, declared=declared, prune=True)
    # The lock of the deploy step is a collection of its own; a test begins without it.
    await database[LOCKS].drop()
