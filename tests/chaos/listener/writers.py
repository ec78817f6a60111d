"""Clients that write `users` all the time: single writes, bulk writes, transactions."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from bson import ObjectId
from pymongo import DeleteOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.database import Database
from tests.chaos.listener.journal import Fate, Journal, Write, acknowledged
from tests.chaos.patience import patiently
from tests.listening import make_user

WRITERS = 4
# What one round of a writer inserts, updates and deletes; as many users come as go.
INSERTED, UPDATED, REPLACED, DELETED, TOUCHED = 8, 20, 2, 8, 6
WRITES_PER_ROUND = INSERTED + UPDATED + REPLACED + DELETED + TOUCHED + 5 + 1


def update_of(write: Write) -> dict[str, Any]:
    return {"$set": {"last_name": write.mark}, "$inc": {"version": 1}}


def user_of(write: Write, **fields: Any) -> dict[str, Any]:
    return make_user(
        _id=write.user_id,
        email=f"{write.user_id}@example.org",
        last_name=write.mark,
        version=write.version,
        **fields,
    )


class Writer:
    """Writes users that no other client writes.

    A user whose last write has an unknown fate is not written again: its version is unknown too.
    """

    def __init__(self, database: Database, session: AsyncClientSession, journal: Journal, random: Random) -> None:
        self._database = database
        self._users = database["users"]
        self._session = session
        self._journal = journal
        self._random = random
        self._versions: dict[ObjectId, int] = {}

    async def write_round(self) -> None:
        await self._insert_many()
        await self._write_in_bulk()
        await self._touch_many()
        await self._write_in_a_transaction()
        await self._update_one()

    async def _insert_many(self) -> None:
        writes = [self._insertion() for _ in range(INSERTED)]
        with acknowledged(self._session, *writes):
            await self._users.insert_many([user_of(write) for write in writes], session=self._session)
        self._note(writes)

    async def _write_in_bulk(self) -> None:
        updates, replacements, deletions = self._some(UPDATED), self._some(REPLACED), self._some(DELETED)
        written = {write.user_id: write for write in map(self._update, dict.fromkeys([*updates, *replacements]))}
        deleted = [self._deletion(user_id) for user_id in deletions if user_id not in written]
        writes = [*written.values(), *deleted]
        if not writes:
            return
        with acknowledged(self._session, *writes):
            await self._users.bulk_write(
                [
                    *(UpdateOne({"_id": user_id}, update_of(written[user_id])) for user_id in updates),
                    *(
                        ReplaceOne({"_id": user_id}, user_of(written[user_id]))
                        for user_id in replacements
                        if user_id not in updates
                    ),
                    *(DeleteOne({"_id": write.user_id}) for write in deleted),
                ],
                ordered=False,
                session=self._session,
            )
        self._note(writes)

    async def _touch_many(self) -> None:
        """Update several users with one statement, which the driver never repeats."""
        user_ids = self._some(TOUCHED)
        writes = [self._update(user_id) for user_id in user_ids]
        for write in writes:
            write.mark = writes[0].mark
        if not writes:
            return
        with acknowledged(self._session, *writes):
            await self._users.update_many({"_id": {"$in": user_ids}}, update_of(writes[0]), session=self._session)
        self._note(writes)

    async def _write_in_a_transaction(self) -> None:
        """Insert one user, update three, delete one: all of them or none."""
        user_ids = self._some(4)
        inserted = self._insertion()
        updated, deleted = [*map(self._update, user_ids[:3])], [*map(self._deletion, user_ids[3:])]

        async def write(session: AsyncClientSession) -> None:
            await self._users.insert_one(user_of(inserted), session=session)
            for each in updated:
                await self._users.update_one({"_id": each.user_id}, update_of(each), session=session)
            for each in deleted:
                await self._users.delete_one({"_id": each.user_id}, session=session)

        writes = [inserted, *updated, *deleted]
        with acknowledged(self._session, *writes):
            await self._session.with_transaction(write)
        self._note(writes)

    async def _update_one(self) -> None:
        for user_id in self._some(1):
            write = self._update(user_id)
            with acknowledged(self._session, write):
                await self._users.update_one({"_id": user_id}, update_of(write), session=self._session)
            self._note([write])

    def _insertion(self) -> Write:
        return self._journal.begin(self._session, ObjectId(), version=1)

    def _update(self, user_id: ObjectId) -> Write:
        return self._journal.begin(self._session, user_id, version=self._versions[user_id] + 1)

    def _deletion(self, user_id: ObjectId) -> Write:
        return self._journal.begin(self._session, user_id, version=self._versions[user_id] + 1, is_deletion=True)

    def _some(self, count: int) -> list[ObjectId]:
        return self._random.sample(list(self._versions), k=min(count, len(self._versions)))

    def _note(self, writes: list[Write]) -> None:
        for write in writes:
            if write.fate is Fate.ACKNOWLEDGED and write.mark is not None:
                self._versions[write.user_id] = write.version
            else:
                self._versions.pop(write.user_id, None)


@asynccontextmanager
async def writing(database: Database, journal: Journal, *, writes_per_s: float, seed: int) -> AsyncIterator[None]:
    """Let several clients write at this rate during the block; a slow machine writes less."""
    is_over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for number in range(WRITERS):
            tasks.create_task(
                _write(database, journal, Random(seed + number), is_over, writes_per_s=writes_per_s / WRITERS)
            )
        try:
            yield
        finally:
            is_over.set()


async def _write(
    database: Database, journal: Journal, random: Random, is_over: asyncio.Event, *, writes_per_s: float
) -> None:
    loop = asyncio.get_running_loop()
    async with database.client.start_session() as session:
        await known_time(database, session)
        writer = Writer(database, session, journal, random)
        while not is_over.is_set():
            due = loop.time() + WRITES_PER_ROUND / writes_per_s
            await writer.write_round()
            # The rate of the load, not a wait for something.
            await asyncio.sleep(max(0.0, due - loop.time()))


async def known_time(database: Database, session: AsyncClientSession) -> None:
    """Let a session know the server's time."""

    async def ping() -> Mapping[str, Any]:
        return await database.command("ping", session=session)

    await patiently(ping)
