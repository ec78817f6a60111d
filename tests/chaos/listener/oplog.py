"""Let the oplog of every member begin after the listener's position."""

from pymongo import WriteConcern
from pymongo.errors import PyMongoError

from docustore.changes.position import POSITIONS
from docustore.database import Database
from tests.chaos.patience import patiently
from tests.chaos.replica_set import MEMBERS, ReplicaSet, Server, direct_client
from tests.waiting import until

FILLING = [{"text": "x" * 500_000} for _ in range(10)]


async def roll_over(replica_set: ReplicaSet, database: Database) -> None:
    """Write until no member can resume the position; no listener may run.

    Every member has each write before the next one, so that none falls off the oplog of the others.
    """
    filling = database.get_collection("filling", write_concern=WriteConcern(w=MEMBERS))
    position = await patiently(lambda: database[POSITIONS].find_one(sort=[("cluster_time", -1)]))
    assert position is not None

    async def has_begun_later(member: Server) -> bool:
        async with direct_client(member) as client:
            oldest = await client["local"]["oplog.rs"].find_one(sort=[("$natural", 1)])
        return oldest is not None and oldest["ts"] > position["cluster_time"]

    async def has_rolled() -> bool:
        try:
            await filling.insert_many([{**each} for each in FILLING])
            return all([await has_begun_later(member) for member in replica_set.members])
        except PyMongoError:
            return False

    await until(has_rolled, what="an oplog that begins after the position")
    await patiently(filling.drop)
