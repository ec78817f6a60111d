"""Make the database ready for a demonstration, then apply the indexes: `python -m docustore.demo.prepare`.

A demonstration starts from an empty database. What an earlier one left is dropped; anything else is somebody's,
and refused.
"""

import asyncio
import os
import sys
from typing import Final

from docustore.config import load_settings
from docustore.database import Database, connect
from docustore.demo.marker import MARKER
from docustore.demo.scenario import SOURCE
from docustore.embedded.service import indexes_command

REFUSED: Final = 3


async def make_empty(database: Database) -> bool:
    """Drop an earlier demonstration and mark the database; False where it holds something else."""
    if await _is_demo(database):
        await database.client.drop_database(database.name)
    elif await database["users"].find_one({}, {"_id": 1}) is not None:
        return False
    await database[MARKER].replace_one({"_id": "demo"}, {}, upsert=True)
    return True


async def _is_demo(database: Database) -> bool:
    is_marked = await database[MARKER].find_one() is not None
    # Processes that were started one by one leave the mark; what they read from elsewhere is nobody's to drop.
    return is_marked and await database["etl_runs"].find_one({"source": {"$ne": SOURCE}}) is None


async def _prepare() -> bool:
    async with connect(load_settings(), app_name="docustore-demo") as database:
        return await make_empty(database)


def main() -> None:
    """Prepare, and become the deploy step."""
    if not asyncio.run(_prepare()):
        sys.stderr.write(
            "the database holds users that are no demonstration's: give the demonstration a folder of its own "
            "with --data-dir, or another DOCUSTORE_MONGODB_DATABASE\n"
        )
        sys.exit(REFUSED)
    program = indexes_command("apply", "--json")
    os.execv(program[0], program)  # noqa: S606  # one of our own programs


if __name__ == "__main__":
    main()
