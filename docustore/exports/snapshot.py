"""Read users as of one moment, in the order of their ids, in batches.

The server keeps past states for five minutes (`minSnapshotHistoryWindowInSeconds`). A reading that takes longer
fails; it never mixes two states. After an election or a lost connection it continues at the same moment.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.timestamp import Timestamp
from pymongo.errors import PyMongoError

from docustore.cluster_time import last_applied
from docustore.database import AWARE, Database, Document
from docustore.errors import ExportExpiredError
from docustore.transient import SNAPSHOT_TOO_OLD, SNAPSHOT_UNAVAILABLE, is_transient, server_codes, unavailability
from docustore.users.stored import USERS

BATCH_DOCS: Final = 1000
# The state is too old, or was never on this server.
_GONE: Final = frozenset({SNAPSHOT_TOO_OLD, SNAPSHOT_UNAVAILABLE})
# The pauses cover an election; the moment of the reading stays the same.
PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A state of the users, by the server's own time.

    `collection` is the server's id of the collection; None if there is none.
    """

    cluster_time: Timestamp
    collection: Any = None

    @property
    def as_of(self) -> datetime:
        """The second of the state, in UTC."""
        return self.cluster_time.as_datetime()


async def present(database: Database) -> Moment:
    """Return the present state of the database."""
    collection = await _collection_id(database)
    return Moment(cluster_time=await last_applied(database), collection=collection)


async def _collection_id(database: Database) -> Any:
    found = await (await database.list_collections(filter={"name": USERS})).to_list()
    return found[0].get("info", {}).get("uuid") if found else None


@dataclass(slots=True, kw_only=True)
class SnapshotReader:
    """One reading of the users that match a filter."""

    database: Database
    moment: Moment
    matching: Mapping[str, Any]
    projection: Mapping[str, Any]
    codec: CodecOptions[Document] = AWARE
    batch_docs: int = BATCH_DOCS

    async def batches(self) -> AsyncGenerator[list[Document], None]:
        """Yield the users.

        Raises:
            ExportExpiredError: The server no longer keeps the state.
            DatabaseUnavailableError: The server did not answer for about fifteen seconds.
        """
        last: Document | None = None
        pauses = iter(PAUSES_S)
        while True:
            try:
                async with aclosing(self._after(last)) as batches:
                    async for batch in batches:
                        yield batch
                        last, pauses = batch[-1], iter(PAUSES_S)
            except PyMongoError as exc:
                if not _GONE.isdisjoint(server_codes(exc)):
                    raise ExportExpiredError(as_of=self.moment.as_of) from exc
                pause_s = next(pauses, None)
                if not is_transient(exc):
                    raise
                if pause_s is None:
                    raise (unavailability(exc) or exc) from exc
                await asyncio.sleep(pause_s)
            else:
                # A collection that was dropped reads as an empty one, also at an earlier time.
                if await _collection_id(self.database) != self.moment.collection:
                    raise ExportExpiredError(as_of=self.moment.as_of)
                return

    async def _after(self, last: Document | None) -> AsyncGenerator[list[Document], None]:
        # Bare commands: the driver has no call for a read at a given cluster time.
        async with self.database.client.start_session(causal_consistency=False) as session:
            reply = await self.database.command(self._find(last), session=session, codec_options=self.codec)
            cursor_id, batch = reply["cursor"]["id"], reply["cursor"]["firstBatch"]
            try:
                while True:
                    if batch:
                        yield batch
                    if not cursor_id:
                        return
                    more = {"getMore": cursor_id, "collection": USERS, "batchSize": self.batch_docs}
                    reply = await self.database.command(more, session=session, codec_options=self.codec)
                    cursor_id, batch = reply["cursor"]["id"], reply["cursor"]["nextBatch"]
            finally:
                if cursor_id:
                    await self._kill(cursor_id, session)

    def _find(self, last: Document | None) -> dict[str, Any]:
        # `min` compares ids of all types; an operator of a query finds only ids of one type.
        bounds: dict[str, Any] = (
            {"filter": dict(self.matching)}
            if last is None
            else {
                "filter": {"$and": [dict(self.matching), {"_id": {"$ne": last["_id"]}}]},
                "min": {"_id": last["_id"]},
                "hint": {"_id": 1},
            }
        )
        return {
            "find": USERS,
            **bounds,
            "projection": dict(self.projection),
            "sort": {"_id": 1},
            "batchSize": self.batch_docs,
            "allowDiskUse": True,
            "readConcern": {"level": "snapshot", "atClusterTime": self.moment.cluster_time},
        }

    async def _kill(self, cursor_id: Any, session: Any) -> None:
        # It expires by itself; the error that ended the reading counts.
        with suppress(PyMongoError):
            await self.database.command({"killCursors": USERS, "cursors": [cursor_id]}, session=session)
