"""The marked database of a demonstration, which the next demonstration empties."""

from typing import Final

from docustore.database import Database
from docustore.demo.scenario import SOURCE
from docustore.users.stored import USERS

MARKER: Final = "demo"


async def make_empty(database: Database) -> bool:
    """Drop an earlier demonstration and mark the database.

    Returns:
        False when the database holds other users; then nothing is changed.
    """
    if await _is_demo(database):
        await database.client.drop_database(database.name)
    elif await database[USERS].find_one({}, {"_id": 1}) is not None:
        return False
    await database[MARKER].replace_one({"_id": "demo"}, {}, upsert=True)
    return True


async def keep_from_demos(database: Database) -> bool:
    """Remove the mark, so that no demonstration drops the database; True if marked."""
    was_demo = await database[MARKER].find_one() is not None
    await database[MARKER].drop()
    return was_demo


async def _is_demo(database: Database) -> bool:
    is_marked = await database[MARKER].find_one() is not None
    # Processes that are started one by one do not remove the mark. Runs of other sources must not be dropped.
    return is_marked and await database["etl_runs"].find_one({"source": {"$ne": SOURCE}}) is None
