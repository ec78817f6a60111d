"""The time of the last write that a MongoDB server has applied."""

from bson.timestamp import Timestamp

from docustore.database import Database


async def last_applied(database: Database) -> Timestamp:
    """Return the cluster time of the last write.

    All writes that a client has seen are at or before it.

    A server that has just started gives no operation time until it has the keys that sign cluster times, about a
    third of a second. What it says about itself has the same time.
    """
    time = (await database.command("ping")).get("operationTime")
    if time is None:
        time = (await database.command("hello"))["lastWrite"]["opTime"]["ts"]
    applied: Timestamp = time
    return applied
