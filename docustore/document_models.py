"""All Beanie models of the service, and a connection with the models bound."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from beanie import Document, init_beanie

from docustore.config import Settings
from docustore.database import Database, connect
from docustore.etl.models import EtlRun, EtlSource, QuarantinedRecord
from docustore.history.models import UserHistory
from docustore.security.models import ApiKey, LoginToken, Session
from docustore.users.idempotency_rows import IdempotencyKey
from docustore.users.models import User

DOCUMENT_MODELS: Final[tuple[type[Document], ...]] = (
    User,
    EtlRun,
    EtlSource,
    QuarantinedRecord,
    UserHistory,
    ApiKey,
    Session,
    LoginToken,
    IdempotencyKey,
)


@asynccontextmanager
async def open_database(settings: Settings, *, app_name: str) -> AsyncIterator[Database]:
    """Connect and bind the models; see `docustore.database.connect`."""
    async with connect(settings, app_name=app_name) as database:
        await bind_models(database)
        yield database


async def bind_models(database: Database) -> None:
    """Bind the models to a database.

    Builds no index: `indexes/` declares the indexes, the deploy script applies them.
    """
    await init_beanie(database=database, document_models=list(DOCUMENT_MODELS), skip_indexes=True)
