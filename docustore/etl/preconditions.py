"""What must be true of the database before anything is loaded."""

from docustore.database import Database
from docustore.errors import SchemaDriftError

REQUIRED_INDEXES = {"users": {"identity_key_unique", "email_unique"}, "etl_runs": {"source_running_unique"}}


async def has_unique_indexes(database: Database) -> bool:
    """Tell whether the indexes are there that keep a user from being stored twice."""
    for collection, names in REQUIRED_INDEXES.items():
        if not names <= set(await database[collection].index_information()):
            return False
    return True


async def require_unique_indexes(database: Database) -> None:
    """Refuse to load into a database that could not refuse duplicates.

    Raises:
        SchemaDriftError: Unique indexes are missing.
    """
    if not await has_unique_indexes(database):
        raise SchemaDriftError(
            f"database {database.name} lacks the unique indexes of users and runs: "
            "run `python scripts/create_indexes.py` or `docustore indexes apply` first"
        )
