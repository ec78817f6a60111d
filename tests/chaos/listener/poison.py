"""Changes that cannot be applied as they are."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from docustore.changes.control import replay_letter
from docustore.changes.dead_letters import LETTERS, OPEN_STATES, LetterState
from docustore.database import Database
from docustore.errors import NotFoundError
from tests.chaos.listener.journal import Fate, Journal, acknowledged
from tests.chaos.listener.writers import known_time, update_of, user_of
from tests.chaos.patience import patiently
from tests.waiting import until

# The server stores so many levels in a user, but not in a row around it.
LEVELS = 179
BEYOND_YEAR_9999 = DatetimeMS(10**15)

Meanwhile = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A user that no row of history can hold as it is."""

    database: Database
    journal: Journal

    async def make(self, random: Random, *, meanwhile: Meanwhile) -> None:
        """Write such a user, go on, then repair what a person would repair."""
        async with self.database.client.start_session() as session:
            await known_time(self.database, session)
            kind = random.choice((self._refused, self._too_deep, self._undecodable))
            await kind(session, meanwhile)

    async def _refused(self, session: AsyncClientSession, meanwhile: Meanwhile) -> None:
        """Its changes become dead letters; a person corrects the cause and replays them."""
        user_id = ObjectId()
        await self._refuse_rows({"user_id": {"$ne": user_id}})
        if await self._insert_and_update(session, user_id):
            await until(lambda: patiently(lambda: self._open_letters(user_id)), what="a dead letter")
        await meanwhile()
        await self._refuse_rows({})
        await until(lambda: self._is_released(user_id), what="the replay of the dead letters")

    async def _too_deep(self, session: AsyncClientSession, meanwhile: Meanwhile) -> None:
        nested: Any = 1
        for _ in range(LEVELS):
            nested = {"a": nested}
        await self._hold_for_a_while(session, nested, meanwhile)

    async def _undecodable(self, session: AsyncClientSession, meanwhile: Meanwhile) -> None:
        await self._hold_for_a_while(session, BEYOND_YEAR_9999, meanwhile)

    async def _hold_for_a_while(self, session: AsyncClientSession, value: Any, meanwhile: Meanwhile) -> None:
        """Write a value, and remove it: the last row is whole."""
        user_id = ObjectId()
        if not await self._insert_and_update(session, user_id):
            return
        if await self._update(session, user_id, version=3, more={"$set": {"strange": value}}):
            await meanwhile()
            await self._update(session, user_id, version=4, more={"$unset": {"strange": ""}})

    async def _insert_and_update(self, session: AsyncClientSession, user_id: ObjectId) -> bool:
        write = self.journal.begin(session, user_id, version=1)
        with acknowledged(session, write):
            await self.database["users"].insert_one(user_of(write), session=session)
        return write.fate is Fate.ACKNOWLEDGED and await self._update(session, user_id, version=2, more={})

    async def _update(
        self, session: AsyncClientSession, user_id: ObjectId, *, version: int, more: Mapping[str, Any]
    ) -> bool:
        write = self.journal.begin(session, user_id, version=version)
        update = update_of(write)
        for operator, fields in more.items():
            update[operator] = {**update.get(operator, {}), **fields}
        with acknowledged(session, write):
            await self.database["users"].update_one({"_id": user_id}, update, session=session)
        return write.fate is Fate.ACKNOWLEDGED

    async def _refuse_rows(self, rule: Mapping[str, Any]) -> None:
        await patiently(lambda: self.database.command({"collMod": "user_history", "validator": rule}))

    async def _open_letters(self, user_id: ObjectId) -> list[dict[str, Any]]:
        query = {"user_id": str(user_id), "state": {"$in": list(OPEN_STATES)}}
        return await self.database[LETTERS].find(query).to_list()

    async def _is_released(self, user_id: ObjectId) -> bool:
        letters = await patiently(lambda: self._open_letters(user_id))
        for letter in letters:
            if letter["state"] == LetterState.FAILED:
                # The listener may have applied it; a lost connection leaves the decision to the next call.
                with suppress(NotFoundError, PyMongoError):
                    await replay_letter(self.database, letter["_id"], actor="tests")
        return not letters
