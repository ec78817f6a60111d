"""The connection to MongoDB: one client per process, closed at its end.

Documents read without Beanie are plain dicts with aware UTC datetimes.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import AsyncMongoClient, errors
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from docustore.config import Settings
from docustore.errors import ConfigurationError

Document = dict[str, Any]
Database = AsyncDatabase[Document]
Client = AsyncMongoClient[Document]
T = TypeVar("T")

# Longer than an election (10-12 s with the server's defaults), short enough for a waiting caller.
SERVER_SELECTION_TIMEOUT_MS: Final = 15_000
# What the driver raises for a URL that it cannot use: a wrong scheme, port or option, a missing certificate.
MALFORMED: Final = (errors.ConfigurationError, ValueError, OSError)
# Without the driver's words: they may hold a part of the password.
URL_PROBLEM: Final = (
    "cannot be used; the form is mongodb://USER:PASSWORD@HOST:PORT/?replicaSet=NAME, "
    "with special characters of the password as %XX"
)
# Any client writes users. A time beyond the year 9999 is read as the last moment of the calendar, broken UTF-8
# with replacement characters: one such user must not end the answer with all the others.
AWARE: Final[CodecOptions[Document]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_CLAMP, unicode_decode_error_handler="replace"
)
# Reads such a time as `DatetimeMS`: for readers that keep or show it as it is.
UNCLAMPED: Final[CodecOptions[Document]] = AWARE.with_options(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


@asynccontextmanager
async def connect(settings: Settings, *, app_name: str) -> AsyncIterator[Database]:
    """Open the configured database with majority reads and writes.

    Args:
        app_name: The server shows it in `currentOp` and in its log, for example `docustore-api`.

    Raises:
        ConfigurationError: No MongoDB URL is configured, or it is malformed.
    """
    if settings.mongodb_url is None:
        raise ConfigurationError(
            setting="DOCUSTORE_MONGODB_URL", problem="not set; set it, or start with `docustore up`"
        )
    try:
        client: Client = AsyncMongoClient(
            settings.mongodb_url,
            appname=app_name,
            tz_aware=AWARE.tz_aware,
            datetime_conversion=AWARE.datetime_conversion,
            unicode_decode_error_handler=AWARE.unicode_decode_error_handler,
            w="majority",
            readConcernLevel="majority",
            serverSelectionTimeoutMS=SERVER_SELECTION_TIMEOUT_MS,
        )
    except MALFORMED as exc:
        raise ConfigurationError(setting="DOCUSTORE_MONGODB_URL", problem=URL_PROBLEM) from exc
    async with client:
        yield client.get_database(settings.mongodb_database)


async def in_transaction(database: Database, work: Callable[[AsyncClientSession], Awaitable[T]]) -> T:
    """Run some work in one transaction, and return its result.

    Args:
        work: Passes the session to every read and write. The driver repeats it after a transient failure, so it
            must not change anything else.
    """
    async with database.client.start_session() as session:
        return await session.with_transaction(work)
