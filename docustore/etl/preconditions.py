"""Check the database before any record is stored."""

from docustore.database import Database
from docustore.errors import SchemaDriftError

REQUIRED_INDEXES = {"users": {"identity_key_unique", "email_unique"}, "etl_runs": {"source_running_unique"}}


async def has_unique_indexes(database: Database) -> bool:
    """Tell whether the unique indexes exist that prevent duplicate users and runs."""
    for collection, names in REQUIRED_INDEXES.items():
        # A changed index keeps its second name; see `indexes.index_changes`.
        found = {name.removesuffix("_next") for name in await database[collection].index_information()}
        if not names <= found:
            return False
    return True


async def require_unique_indexes(database: Database) -> None:
    """Refuse a database without the unique indexes.

    Raises:
        SchemaDriftError: Unique indexes are missing.
    """
    if not await has_unique_indexes(database):
        raise SchemaDriftError(
            f"database {database.name} lacks the unique indexes of users and runs: "
            "run `python scripts/create_indexes.py` or `docustore indexes apply` first"
        )
