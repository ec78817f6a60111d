"""Foreign clients: they write the collection with the driver, past docustore."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final

from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteError

from docustore.clock import now_utc
from docustore.database import Database
from tests.chaos.histories.population import Population
from tests.chaos.histories.values import STATUSES, Values
from tests.chaos.patience import patiently
from tests.messy_users import messy_user

WRITER: Final = "foreign"
INSERTED, TOUCHED = 5, 10
# Words, and values that are no text.
MISSPELT: Final = ("Strange{}@example.com", "plain{}", "{}@", "a{}@b@example.com")
STRANGE_STATUSES: Final = (*STATUSES, "retired", "Active", None, 7, ["active"], {"is": "active"})


class RefusedError(Exception):
    """The collection refuses a write.

    An address is taken, or a value has a wrong type.
    """


class ForeignClient:
    """One client with a connection of its own, whose user may skip the validator.

    A write that is interrupted by a fault may have happened; the client goes on with the next one.
    """

    def __init__(self, database: Database, population: Population, values: Values, random: Random) -> None:
        self._users = database["users"]
        self._client = database.client
        self._population = population
        self._values = values
        self._random = random
        self._writes: dict[Callable[[], Awaitable[int]], int] = {
            self._insert: 20,
            self._insert_outside_the_model: 8,
            self._update: 30,
            self._update_outside_the_model: 8,
            self._update_record_of_a_source: 8,
            self._damage_identity_of_a_source: 3,
            self._update_many: 5,
            self._replace: 8,
            self._end: 6,
            self._remove: 6,
            self._remove_many: 2,
            self._return: 6,
            self._write_in_a_transaction: 6,
        }

    async def write(self) -> None:
        """Make one random write, and count the changes that it made."""
        [write] = self._random.choices(list(self._writes), weights=list(self._writes.values()))
        try:
            made = await write()
        except (DuplicateKeyError, WriteError, RefusedError):
            self._population.refused[WRITER] += 1
        else:
            self._population.made[WRITER] += made

    async def _insert(self) -> int:
        users = [self._values.user() for _ in range(self._random.randint(1, INSERTED))]
        try:
            inserted = len((await self._users.insert_many(users, ordered=False)).inserted_ids)
        except BulkWriteError as exc:
            inserted = int(exc.details["nInserted"])
        self._population.ids += [user["_id"] for user in users]
        return inserted

    async def _insert_outside_the_model(self) -> int:
        user_id = self._random.choice((ObjectId(), f"user {self._random.random()}", self._random.getrandbits(40)))
        email = f"strange{self._random.getrandbits(40)}@example.com"
        user = {**self._values.user(), "email": email, **self._strange(), "_id": user_id}
        await self._users.insert_one(user, bypass_document_validation=True)
        self._population.strange.append(user_id)
        self._population.ids.append(user_id)
        return 1

    async def _update(self) -> int:
        return await self._set_one(self._population.ids, self._values.changed())

    async def _update_outside_the_model(self) -> int:
        return await self._set_one(self._population.strange, self._strange())

    async def _update_record_of_a_source(self) -> int:
        key = f"people:{self._random.randrange(200)}"
        found = await self._users.update_one({"identities.key": key}, {"$set": self._values.changed()})
        return found.modified_count

    async def _damage_identity_of_a_source(self) -> int:
        part = self._random.choice(("key", "hash", "modified_at"))
        found = await self._users.update_one(
            {"identities.key": f"people:{self._random.randrange(200)}"},
            {"$unset": {f"identities.0.{part}": 1}},
            bypass_document_validation=True,
        )
        return found.modified_count

    async def _update_many(self) -> int:
        which = {"_id": {"$in": self._population.some(self._random, TOUCHED)}}
        found = await self._users.update_many(which, {"$set": {"status": self._values.status()}})
        return found.modified_count

    async def _replace(self) -> int:
        for user_id in self._population.some(self._random, 1):
            user = {**self._values.user(), "_id": user_id}
            return (await self._users.replace_one({"_id": user_id}, user)).modified_count
        return 0

    async def _end(self) -> int:
        """Delete a user as docustore does, restore it, or write what is no time."""
        if self._random.random() < 0.2:
            return await self._set_one(
                self._population.strange, {"deleted_at": self._random.choice((False, "then"))}
            )
        ended = self._random.choice((now_utc(), now_utc(), self._values.time(), None))
        return await self._set_one(self._population.ids, {"deleted_at": ended})

    async def _remove(self) -> int:
        for user_id in self._population.take(self._random, 1):
            return (await self._users.delete_one({"_id": user_id})).deleted_count
        return 0

    async def _remove_many(self) -> int:
        which = {"_id": {"$in": self._population.take(self._random, 3)}}
        return (await self._users.delete_many(which)).deleted_count

    async def _return(self) -> int:
        """Write a user again that was removed."""
        user_id = self._population.take_removed(self._random)
        if user_id is None:
            return 0
        await self._users.insert_one({**self._values.user(), "_id": user_id})
        self._population.ids.append(user_id)
        return 1

    async def _write_in_a_transaction(self) -> int:
        """Insert one user, update two, remove one: all of it or nothing.

        Some transactions are aborted.
        """
        inserted, updated = self._values.user(), self._population.some(self._random, 2)
        removed, changed = self._population.take(self._random, 1), self._values.changed()
        is_aborted = self._random.random() < 0.2

        async def write(session: AsyncClientSession) -> int:
            await self._users.insert_one(inserted, session=session)
            made = 1
            for user_id in updated:
                found = await self._users.update_one({"_id": user_id}, {"$set": changed}, session=session)
                made += found.modified_count
            for user_id in removed:
                made += (await self._users.delete_one({"_id": user_id}, session=session)).deleted_count
            if is_aborted:
                raise RefusedError
            return made

        async with self._client.start_session() as session:
            made: int = await session.with_transaction(write)
        self._population.ids.append(inserted["_id"])
        return made

    def _strange(self) -> dict[str, Any]:
        """Choose values that no model allows."""
        choice = self._random.random()
        if choice < 0.4:
            return messy_user(self._random)
        if choice < 0.7:
            return {"status": self._random.choice(STRANGE_STATUSES), "version": self._random.choice((2, "2", 2.5))}
        number = self._random.getrandbits(40)
        return {
            "email": self._random.choice(MISSPELT).format(number),
            "updated_at": self._random.choice((None, "now", 5)),
        }

    async def _set_one(self, among: list[Any], fields: dict[str, Any]) -> int:
        if not among:
            return 0
        is_strange = among is self._population.strange
        found = await self._users.update_one(
            {"_id": self._random.choice(among)}, {"$set": fields}, bypass_document_validation=is_strange
        )
        return found.modified_count


async def write_patiently(client: ForeignClient, population: Population, *, quota: int) -> None:
    """Let a client write until the foreign clients have made as many changes."""
    while population.made[WRITER] < quota:
        await patiently(client.write)
