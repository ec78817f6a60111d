"""Export users: the bytes of a file of one snapshot, and the record of it.

The record of an export (`exports`) says when it is complete, with its rows and the digest of its bytes. So a
reader of any format can check what arrived: a file that was cut short has another digest, or none.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final

from bson import ObjectId
from pymongo.errors import PyMongoError

from docustore.audit.log import record
from docustore.clock import now_utc
from docustore.database import AWARE, UNCLAMPED, Database
from docustore.errors import DocustoreError, NotFoundError
from docustore.exports.encoders import Tally, encoder_of
from docustore.exports.models import EXPORTS, ExportRecord, ExportState
from docustore.exports.order import ExportOrder
from docustore.exports.snapshot import BATCH_DOCS, Moment, SnapshotReader, present

# One chunk per batch of users costs the server twice as much as larger ones.
CHUNK_BYTES: Final = 64 * 1024


class Export:
    """One export that has begun: its record exists, its bytes are not read yet."""

    def __init__(self, database: Database, order: ExportOrder, moment: Moment, *, batch_docs: int) -> None:
        self.id = ObjectId()
        self.order = order
        self.moment = moment
        self.tally = Tally()
        self._database = database
        self._batch_docs = batch_docs
        self._encoder = encoder_of(order.form, is_full=order.is_full)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of the file, and keep its record.

        Raises:
            ExportExpiredError: The server no longer keeps the snapshot; the file is not complete.
            DatabaseUnavailableError: The server does not answer.
        """
        state, error = ExportState.FAILED, "the reader of the file went away"
        try:
            buffer = bytearray(self.tally.add(self._encoder.begin()))
            async with aclosing(self._reader().batches()) as batches:
                async for users in batches:
                    buffer += self.tally.add(self._encoder.encode(users), rows=len(users))
                    if len(buffer) >= CHUNK_BYTES:
                        yield bytes(buffer)
                        buffer.clear()
            buffer += self.tally.add(self._encoder.end())
            yield bytes(buffer)
            state = ExportState.COMPLETE
        except (DocustoreError, PyMongoError) as exc:
            error = str(exc) if isinstance(exc, DocustoreError) else type(exc).__name__
            raise
        finally:
            # Shielded: a client that hangs up cancels the export.
            await asyncio.shield(self._finish(state, None if state is ExportState.COMPLETE else error))

    def _reader(self) -> SnapshotReader:
        return SnapshotReader(
            database=self._database,
            moment=self.moment,
            matching=self.order.matching,
            projection=self.order.projection,
            # A restore keeps times beyond the calendar; other readers have no form for them.
            codec=UNCLAMPED if self.order.is_full else AWARE,
            batch_docs=self._batch_docs,
        )

    async def _finish(self, state: ExportState, error: str | None) -> None:
        facts: dict[str, Any] = {"rows": self.tally.rows, "bytes": self.tally.size_bytes, "error": error}
        if state is ExportState.COMPLETE:
            facts["sha256"] = self.tally.sha256
        await self._database[EXPORTS].update_one(
            {"_id": self.id}, {"$set": {"state": state.value, "finished_at": now_utc(), **facts}}
        )


async def begin_export(
    database: Database,
    order: ExportOrder,
    *,
    actor: str,
    moment: Moment | None = None,
    batch_docs: int = BATCH_DOCS,
) -> Export:
    """Record an export, and fix the moment that it shows.

    Args:
        moment: A state that the server keeps; None is the present.

    Raises:
        ConfigurationError: The package of the format is not installed.
    """
    export = Export(database, order, moment or await present(database), batch_docs=batch_docs)
    begun = {
        "_id": export.id,
        "at": now_utc(),
        "actor": actor,
        **order.as_document(),
        "as_of": export.moment.as_of,
        "state": ExportState.RUNNING.value,
    }
    await database[EXPORTS].insert_one(begun)
    # Before the first user is read: the file is personal data.
    await record(
        database, actor=actor, action="users.export", target=f"{EXPORTS}/{export.id}", after=order.as_document()
    )
    return export


async def find_export(database: Database, export_id: str) -> ExportRecord:
    """Read the record of an export.

    Raises:
        NotFoundError: There is no such export, or it is older than 90 days.
    """
    found = (
        await database[EXPORTS].find_one({"_id": ObjectId(export_id)}) if ObjectId.is_valid(export_id) else None
    )
    if found is None:
        raise NotFoundError(kind="export", id=export_id)
    return ExportRecord.of(found)


def file_name(order: ExportOrder, as_of: datetime) -> str:
    """Name the file of an export: `users-20260131T120000Z.csv.gz`."""
    return f"users-{as_of:%Y%m%dT%H%M%SZ}{order.form.suffix}"
