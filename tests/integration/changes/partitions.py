"""Steps of the tests of partitions."""

from collections import Counter
from typing import Any

from docustore.changes.position import count_partitions
from docustore.changes.status import change_status
from docustore.config import Settings
from docustore.database import Database
from tests.waiting import until

ACTOR = "cli:ada"


def wanting(settings: Settings, partitions: int) -> Settings:
    return settings.model_copy(update={"changes_partitions": partitions})


def setting(**fields: Any) -> dict[str, Any]:
    return {"$set": fields, "$inc": {"version": 1}}


async def owners(database: Database) -> Counter[str]:
    """Count the partitions of each listener, once every one has an owner."""
    parts = (await change_status(database)).partitions
    return Counter(part.owner for part in parts if part.owner is not None)


async def until_owned(database: Database, partitions: int, shares: list[int] | None = None) -> None:
    async def is_owned() -> bool:
        found = await owners(database)
        is_complete = await count_partitions(database) == partitions and found.total() == partitions
        return is_complete and (shares is None or sorted(found.values()) == shares)

    await until(is_owned, what=f"{partitions} partitions with owners, shared {shares}")


async def has_applied(database: Database, changes: int) -> bool:
    return (await change_status(database)).applied >= changes
