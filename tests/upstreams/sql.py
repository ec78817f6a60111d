"""A table of a SQL database."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa

from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings
from tests.upstreams.postgresql import PostgresServer
from tests.upstreams.upstream import Record, Upstream, time_of

TABLE = "people"
PEOPLE = sa.Table(
    TABLE,
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("email", sa.Text),
    sa.Column("first_name", sa.Text),
    sa.Column("last_name", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("changed_on", sa.DateTime(timezone=True), index=True),
)


class SqlUpstream(Upstream):
    """A table `people`; the column of the last change is `changed_on`, the key is `number`."""

    kind: ClassVar[SourceKind] = SourceKind.SQL

    def __init__(self, url: str) -> None:
        self._url = url
        self.engine = sa.create_engine(url)

    async def create(self) -> None:
        await asyncio.to_thread(PEOPLE.metadata.create_all, self.engine)

    async def put(self, records: Sequence[Record]) -> None:
        await asyncio.to_thread(self._put, records)

    def _put(self, records: Sequence[Record]) -> None:
        if not records:
            return
        rows = [
            {
                **{name: record.get(name) for name in ("email", "first_name", "last_name", "status")},
                "number": record["id"],
                "changed_on": time_of(record),
            }
            for record in records
        ]
        with self.engine.begin() as connection:
            connection.execute(PEOPLE.delete().where(PEOPLE.c.number.in_([row["number"] for row in rows])))
            connection.execute(PEOPLE.insert(), rows)

    def settings(self, **fields: Any) -> SourceSettings:
        return SourceSettings(kind="sql", url=self._url, **{"table": TABLE, "modified": "changed_on", **fields})

    def close(self) -> None:
        self.engine.dispose()


class SqliteUpstream(SqlUpstream):
    """A SQLite file, which is always available."""

    can_stop: ClassVar[bool] = False

    def __init__(self, folder: Path) -> None:
        super().__init__(f"sqlite:///{folder / 'people.db'}")

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass


class PostgresUpstream(SqlUpstream):
    """A database of a PostgreSQL server, which can be stopped and started."""

    def __init__(self, server: PostgresServer, database: str) -> None:
        super().__init__(server.url(database))
        self._server = server

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        self.engine.dispose()
        await self._server.stop()
