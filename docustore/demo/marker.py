"""How a database is known to hold a demonstration, which the next one may drop."""

from typing import Final

from docustore.database import Database

MARKER: Final = "demo"


async def keep_from_demos(database: Database) -> None:
    """Make the database its users' own: no later demonstration drops it."""
    await database[MARKER].drop()
