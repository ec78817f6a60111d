"""The deploy step on a configured database: the difference, or its application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pymongo.errors import OperationFailure, PyMongoError
from rich.console import Console

from docustore.config import Settings
from docustore.database import Database, connect
from docustore.errors import DatabaseUnavailableError, SchemaDriftError
from indexes.apply import apply_indexes, plan_indexes
from indexes.declared import declared_for
from indexes.plan import Plan
from indexes.progress import build_progress_shown


async def planned(settings: Settings, *, prune: bool = False) -> Plan:
    """Compare the configured database with the declarations. Changes nothing.

    Raises:
        ConfigurationError: No database is configured.
        DatabaseUnavailableError: The server does not answer.
        SchemaDriftError: The server refused a command.
    """
    async with _connected(settings) as database:
        return await plan_indexes(database, declared=declared_for(settings), prune=prune)


async def applied(settings: Settings, *, prune: bool = False) -> Plan:
    """Make the configured database as declared, and return what was done.

    Index builds are shown on stderr when it is a terminal. Raises the errors of `planned` and `apply_indexes`.
    """
    async with _connected(settings) as database, build_progress_shown(database, Console(stderr=True)):
        return await apply_indexes(database, declared=declared_for(settings), prune=prune)


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Database]:
    try:
        async with connect(settings, app_name="docustore-indexes") as database:
            yield database
    except OperationFailure as exc:
        # `errmsg` may quote values of a document; the name of the code never does.
        name = (exc.details or {}).get("codeName", "an error without a name")
        raise SchemaDriftError(
            f"MongoDB refused a command with {name} ({exc.code}): run it again with --debug to see all of it"
        ) from exc
    except PyMongoError as exc:
        raise DatabaseUnavailableError(
            f"MongoDB does not answer ({type(exc).__name__}): check DOCUSTORE_MONGODB_URL and that a primary is up"
        ) from exc
