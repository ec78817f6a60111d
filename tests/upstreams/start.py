"""Start an upstream system of a kind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from docustore.source_options.kind import SourceKind
from tests.upstreams.file import FileUpstream
from tests.upstreams.mongodb import MongodbUpstream
from tests.upstreams.postgresql import PostgresServer
from tests.upstreams.services import HttpUpstream, ScimUpstream
from tests.upstreams.sql import PostgresUpstream, SqliteUpstream
from tests.upstreams.upstream import Upstream


@asynccontextmanager
async def upstream_of(
    kind: SourceKind, folder: Path, *, mongodb_url: str, postgres: PostgresServer | None = None
) -> AsyncIterator[Upstream]:
    """Start an empty system of a kind.

    Args:
        folder: Of the test; for the systems that are files.
        mongodb_url: Of a server for the systems that are collections.
        postgres: For `sql`; without it, SQLite.
    """
    match kind:
        case SourceKind.FILE:
            yield FileUpstream(folder)
        case SourceKind.HTTP | SourceKind.SCIM:
            service = HttpUpstream() if kind is SourceKind.HTTP else ScimUpstream()
            await service.start()
            try:
                yield service
            finally:
                await service.stop()
        case SourceKind.MONGODB:
            collection = MongodbUpstream(mongodb_url)
            await collection.start()
            try:
                yield collection
            finally:
                await collection.close()
        case SourceKind.SQL:
            table = (
                SqliteUpstream(folder)
                if postgres is None
                else PostgresUpstream(postgres, await postgres.new_database())
            )
            await table.create()
            try:
                yield table
            finally:
                table.close()
