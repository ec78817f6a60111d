"""Insert users at a steady rate, at little cost for the machine that is measured."""

import asyncio
import time
from typing import Final

from bson import ObjectId

from benchmarks.changes import make_user
from benchmarks.raw_mongo import RawMongo, checked, op_msg

# More than there are writes in flight.
CONNECTIONS: Final = 64


async def insert_steadily(
    mongo: RawMongo, database: str, *, per_s: int, seconds: float, first: int
) -> dict[ObjectId, float]:
    """Insert users; return when each was acknowledged by a majority.

    The times are of `time.perf_counter`.

    Args:
        per_s: The writes of a second; a server that is slower gets more of them at once.
        first: The number of the first user; no two of a store may be the same.
    """
    users = [make_user(first + number) for number in range(int(per_s * seconds))]
    options = {"writeConcern": {"w": "majority"}, "$db": database}
    messages = [op_msg({"insert": "users", "documents": [user], **options}) for user in users]
    acknowledged: dict[ObjectId, float] = {}

    async def insert(user_id: ObjectId, message: bytes) -> None:
        reply = await mongo.send(message)
        acknowledged[user_id] = time.perf_counter()
        checked(reply)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number, message in enumerate(messages):
            await asyncio.sleep(max(0.0, started + number / per_s - time.perf_counter()))
            tasks.create_task(insert(users[number]["_id"], message))
    return acknowledged
