"""How a database is known to hold a demonstration, which the next one may drop."""

from typing import Final

from docustore.database import Database

MARKER: Final = "demo"


async def keep_from_demos(database: Database) -> bool:
    """Make the database its users' own: no later demonstration drops it. True where it was a demonstration's."""
    was_demo = await database[MARKER].find_one() is not None
    await database[MARKER].drop()
    return was_demo
