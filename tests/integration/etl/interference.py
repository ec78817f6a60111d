"""A database whose writes are disturbed: another client writes first, or the process ends.

The disturbances are real: another client changes the version of users on the server, and an error ends the work
between two calls.
"""

from random import Random
from typing import Any

from docustore.database import Database

WRITES = frozenset({"bulk_write", "insert_many", "insert_one", "update_one", "update_many", "delete_one"})


class KilledError(BaseException):
    """The process ended here. Code of the project must not catch this."""


class Interference:
    """Decide before and after each write what happens, by a seeded generator."""

    def __init__(self, database: Database, random: Random, *, race_pct: int, kill_pct: int) -> None:
        self._users = database["users"]
        self._random = random
        self._race_pct = race_pct
        self._kill_pct = kill_pct

    async def before(self) -> None:
        """Kill the process, or let another client change some users."""
        self.after()
        if not self._happens(self._race_pct):
            return
        ids = [user["_id"] async for user in self._users.find({}, {"_id": 1})]
        for user_id in self._random.sample(ids, min(len(ids), 3)):
            change = {"$inc": {"version": 1}, "$set": {"updated_by": "another"}}
            await self._users.update_one({"_id": user_id}, change)

    def after(self) -> None:
        """Kill the process."""
        if self._happens(self._kill_pct):
            raise KilledError

    def _happens(self, pct: int) -> bool:
        return self._random.randrange(100) < pct


class DisturbedDatabase:
    """Passes every call on; each write is disturbed."""

    def __init__(self, database: Database, interference: Interference) -> None:
        self._database = database
        self._interference = interference

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def __getitem__(self, name: str) -> Any:
        return _DisturbedCollection(self._database[name], self._interference)


class _DisturbedCollection:
    def __init__(self, collection: Any, interference: Interference) -> None:
        self._collection = collection
        self._interference = interference

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._collection, name)
        if name not in WRITES:
            return called

        async def disturbed(*args: Any, **options: Any) -> Any:
            await self._interference.before()
            result = await called(*args, **options)
            self._interference.after()
            return result

        return disturbed
