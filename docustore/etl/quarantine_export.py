"""Export quarantine entries as NDJSON, with the text of their records."""

from collections.abc import AsyncIterator

from docustore.audit.log import record
from docustore.database import Database
from docustore.etl.models import QUARANTINE
from docustore.etl.quarantine_record import shown_record
from docustore.etl.selection import Selection, require_known

BATCH_ENTRIES = 100
MAX_CHUNK_BYTES = 1_000_000


async def export_entries(database: Database, selection: Selection, *, actor: str) -> AsyncIterator[bytes]:
    """Yield the selected entries, oldest first, one JSON object per line.

    The action is recorded first: the records are personal data.

    Yields:
        Whole lines, many at a time.

    Raises:
        NotFoundError: There is no entry with a given id.
    """
    await require_known(database, selection)
    records = await database[QUARANTINE].count_documents(selection.query)
    await record(
        database, actor=actor, action="quarantine.export", target=selection.target, after={"records": records}
    )
    chunk: list[bytes] = []
    size = 0
    async for entry in database[QUARANTINE].find(selection.query, sort=[("_id", 1)], batch_size=BATCH_ENTRIES):
        line = shown_record(entry, with_raw=True).model_dump_json().encode() + b"\n"
        chunk.append(line)
        size += len(line)
        if size >= MAX_CHUNK_BYTES:
            yield b"".join(chunk)
            chunk, size = [], 0
    if chunk:
        yield b"".join(chunk)
