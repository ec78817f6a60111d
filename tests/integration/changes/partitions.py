"""Steps of the tests of partitions."""

from collections import Counter
from typing import Any

from docustore.changes.lease import IS_ALIVE
from docustore.changes.position import ALL_POSITIONS, POSITIONS, count_partitions
from docustore.config import Settings
from docustore.database import Database, Document
from tests.waiting import until

ACTOR = "cli:ada"


def wanting(settings: Settings, partitions: int) -> Settings:
    return settings.model_copy(update={"changes_partitions": partitions})


def setting(**fields: Any) -> dict[str, Any]:
    return {"$set": fields, "$inc": {"version": 1}}


async def _positions(database: Database) -> tuple[Document, list[Document]]:
    """Return the position of all users, and those of the partitions.

    The status of the listener has more, and computes for longer than these tests may wait 50 times a second.
    """
    alive = {"$addFields": {"is_alive": IS_ALIVE}}
    found = await database[POSITIONS].aggregate([{"$match": ALL_POSITIONS}, alive, {"$sort": {"partition": 1}}])
    # Without a field `partition`, so the first.
    head, *parts = await found.to_list() or [{"seq": 0}]
    return head, parts or [head]


async def owners(database: Database) -> Counter[str]:
    """Count the partitions of each listener, once every one has an owner."""
    _, parts = await _positions(database)
    return Counter(part["owner"] for part in parts if part.get("is_alive") and part.get("owner"))


async def until_owned(database: Database, partitions: int, shares: list[int] | None = None) -> None:
    async def is_owned() -> bool:
        found = await owners(database)
        is_complete = await count_partitions(database) == partitions and found.total() == partitions
        return is_complete and (shares is None or sorted(found.values()) == shares)

    await until(is_owned, what=f"{partitions} partitions with owners, shared {shares}")


async def has_applied(database: Database, changes: int) -> bool:
    head, parts = await _positions(database)
    return int(head["seq"]) - sum(part.get("snapshot_rows") or 0 for part in parts) >= changes
