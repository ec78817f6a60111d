"""The connection to MongoDB: one client per process, closed with it.

Documents read without Beanie come back as plain dicts with aware UTC datetimes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from docustore.config import Settings
from docustore.errors import ConfigurationError

Document = dict[str, Any]
Database = AsyncDatabase[Document]
Client = AsyncMongoClient[Document]

# Long enough for an election (10-12 s by the server's defaults), short enough for a caller who waits.
SERVER_SELECTION_TIMEOUT_MS: Final = 15_000
AWARE: Final[CodecOptions[Document]] = CodecOptions(tz_aware=True)


@asynccontextmanager
async def connect(settings: Settings, *, app_name: str) -> AsyncIterator[Database]:
    """Open the configured database with majority reads and writes.

    Args:
        app_name: Shown by the server in `currentOp` and its log, such as `docustore-api`.

    Raises:
        ConfigurationError: No MongoDB address is configured.
    """
    if settings.mongodb_url is None:
        raise ConfigurationError(setting="DOCUSTORE_MONGODB_URL", problem="not set; or start with `docustore up`")
    client: Client = AsyncMongoClient(
        settings.mongodb_url,
        appname=app_name,
        tz_aware=True,
        w="majority",
        readConcernLevel="majority",
        serverSelectionTimeoutMS=SERVER_SELECTION_TIMEOUT_MS,
    )
    async with client:
        yield client.get_database(settings.mongodb_database)
