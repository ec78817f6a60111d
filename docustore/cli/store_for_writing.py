"""The database of a command that stores users."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from docustore.cli.command import Invocation
from docustore.config import Settings
from docustore.database import Database
from docustore.document_models import open_database
from docustore.etl.preconditions import has_unique_indexes, require_unique_indexes
from docustore.migrations.precondition import require_known_store
from indexes.deploy_step import applied


@asynccontextmanager
async def writable_database(invocation: Invocation) -> AsyncIterator[Database]:
    """Open the database of `Invocation.servers`, ready to store users.

    Raises:
        SchemaDriftError: A configured database lacks the unique indexes, or is newer than this version.
    """
    is_embedded = invocation.settings().mongodb_url is None
    async with (
        invocation.servers() as located,
        open_database(located, app_name="docustore-cli") as database,
    ):
        await prepare(database, located, is_embedded=is_embedded)
        yield database


async def prepare(database: Database, settings: Settings, *, is_embedded: bool) -> None:
    """Apply the declarations to an embedded database; refuse an unprepared one."""
    if is_embedded and not await has_unique_indexes(database):
        await applied(settings)
    await require_known_store(database)
    await require_unique_indexes(database)
