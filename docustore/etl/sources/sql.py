"""Records from a table or a query of a SQL database, by SQLAlchemy.

Rows are read in the order of (modified, key), in batches that each start after the last row, in read-only
transactions. A row whose column `modified` is NULL is read by every run, first. Without the setting `modified`,
every run reads all rows, in the order of the key.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

from docustore.errors import ConfigurationError
from docustore.etl.models import Window
from docustore.etl.sources.addresses import host_name, name_from
from docustore.etl.sources.source import Page, Source
from docustore.extras import extra_module
from docustore.source_options.address import address_problem
from docustore.source_options.secret import revealed
from docustore.source_settings import SourceSettings

if TYPE_CHECKING:
    from docustore.etl.sources.sql_reader import SqlReader

READER: str = "docustore.etl.sources.sql_reader"


class SqlSource(Source):
    """The rows of one table or query."""

    schemes: ClassVar[frozenset[str]] = frozenset({
        "sqlite", "postgresql", "postgres", "postgresql+psycopg", "mysql+pymysql", "mariadb+pymysql",
        "mssql+pyodbc", "oracle+oracledb",
    })  # fmt: skip
    reads_window = True

    def __init__(self, settings: SourceSettings, reader: "SqlReader") -> None:
        self._reader = reader
        self.reads_window = settings.modified is not None

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, settings: SourceSettings, *, page_size: int) -> AsyncIterator[Self]:
        """Describe the database; the first query connects to it."""
        url = revealed(settings.url, setting=f"sources.{name}.url")
        if problem := address_problem(settings.kind, url):
            raise ConfigurationError(setting=f"sources.{name}.url", problem=problem)
        module = extra_module(READER, extra="sql", setting=f"sources.{name}")
        reader: SqlReader = module.SqlReader(name, settings, url, page_size=page_size)
        try:
            yield cls(settings, reader)
        finally:
            await asyncio.to_thread(reader.close)

    @classmethod
    def name_of(cls, address: str) -> str:
        """Name a source after its table, or else its host."""
        return name_from(address.partition("#")[2]) or host_name(address) or "sql"

    @classmethod
    def place_of(cls, address: str) -> str:
        """Return the address without account and options."""
        scheme, _, rest = address.partition("://")
        place, _, table = rest.partition("#")
        return f"{scheme}://{place.partition('?')[0].rpartition('@')[2]}#{table}"

    async def clock(self) -> datetime:
        """Return the server's time; refuse a table or column that does not exist."""
        return await asyncio.to_thread(self._reader.clock)

    async def pages(self, window: Window, *, after: str | None) -> AsyncIterator[Page]:
        """Read the rows after the mark, batch by batch."""
        mark = after
        while (page := await asyncio.to_thread(self._reader.page, window, mark)) is not None:
            yield page
            mark = page.resume
