"""Writes that one member accepts alone and loses again."""

from contextlib import suppress
from dataclasses import dataclass
from random import Random

from bson import ObjectId
from pymongo.errors import PyMongoError

from docustore.database import Database
from tests.chaos.listener.journal import Fate, Journal, Write, acknowledged
from tests.chaos.listener.writers import known_time, update_of, user_of
from tests.chaos.replica_set import ReplicaSet, Server, direct_client
from tests.waiting import until

LOST_WRITES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """Cuts a primary off, writes there, and joins it again after an election.

    The members replicate from each other. The others cannot reach the one that is cut off, and it learns of the
    election from their answers to its own heartbeats.
    """

    database: Database
    journal: Journal

    async def make(self, replica_set: ReplicaSet, _random: Random) -> None:
        known = await self._insert_known()
        isolated = await replica_set.present_primary()
        assert isolated.proxy is not None
        isolated.proxy.is_down = True
        isolated.proxy.cut()
        try:
            lost = await self._write_alone(isolated, known)
            await until(lambda: _elect_another(replica_set, isolated), what="a primary of the others")
        finally:
            isolated.proxy.is_down = False
        await until(lambda: self._has_lost(isolated, lost), what="a rollback")
        await replica_set.wait_for_member(isolated)
        for write in lost:
            write.fate = Fate.ROLLED_BACK
        await self._update_again(known)

    async def _insert_known(self) -> Write:
        """Insert a user that every member has."""
        async with self.database.client.start_session() as session:
            await known_time(self.database, session)
            write = self.journal.begin(session, ObjectId(), version=1)
            with acknowledged(session, write):
                await self.database["users"].insert_one(user_of(write), session=session)
            return write

    async def _write_alone(self, member: Server, known: Write) -> list[Write]:
        """Write on a member that is cut off; return what it accepted."""
        accepted: list[Write] = []
        async with direct_client(member) as client, client.start_session() as session:
            users = client[self.database.name]["users"]
            # It is no primary any more once it knows of the election.
            with suppress(PyMongoError):
                await client.admin.command("ping", session=session)
                write = self.journal.begin(session, known.user_id, version=2)
                await users.update_one({"_id": known.user_id}, update_of(write), session=session)
                accepted.append(write)
                for _ in range(LOST_WRITES):
                    write = self.journal.begin(session, ObjectId(), version=1)
                    await users.insert_one(user_of(write), session=session)
                    accepted.append(write)
        return accepted

    async def _has_lost(self, member: Server, lost: list[Write]) -> bool:
        marks = [write.mark for write in lost]
        async with direct_client(member) as client:
            with suppress(PyMongoError):
                users = client[self.database.name]["users"]
                return await users.count_documents({"last_name": {"$in": marks}}) == 0
        return False

    async def _update_again(self, known: Write) -> None:
        """Make the second version of the known user, which the lost write had made before."""
        if known.fate is not Fate.ACKNOWLEDGED:
            return
        async with self.database.client.start_session() as session:
            await known_time(self.database, session)
            write = self.journal.begin(session, known.user_id, version=2)
            with acknowledged(session, write):
                await self.database["users"].update_one({"_id": known.user_id}, update_of(write), session=session)


async def _elect_another(replica_set: ReplicaSet, isolated: Server) -> bool:
    """Ask the others to stand for election; tell whether one of them is the primary."""
    if await replica_set.primary(other_than=isolated) is not None:
        return True
    for member in replica_set.members:
        if member is isolated:
            continue
        async with direct_client(member) as client:
            with suppress(PyMongoError):
                await client.admin.command("replSetStepUp")
    return False
