"""The database of a command, on the servers that the command finds by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from docustore.cli.command import Invocation
from docustore.database import Database
from docustore.document_models import open_database


@asynccontextmanager
async def command_database(invocation: Invocation) -> AsyncIterator[Database]:
    """Open the database with the models bound; see `Invocation.servers`."""
    async with (
        invocation.servers() as located,
        open_database(located, app_name="docustore-cli") as database,
    ):
        yield database
