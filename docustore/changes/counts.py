"""The counters of a store that an older release wrote.

They are counted once, then kept by the position.
"""

from dataclasses import replace

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.apply import Writer
from docustore.changes.position import Position, move_position
from docustore.history.models import HISTORY, Operation

COMPARED = (Operation.SNAPSHOT.value, Operation.RECOVERED.value)


async def with_counts(writer: Writer, position: Position) -> Position:
    """Return the position with its counters.

    Reads the whole history if they are missing.

    Raises:
        ListenerFencedError: Another listener took over.
    """
    if position.snapshot_rows is not None and position.approximate_rows is not None:
        return position
    rows = writer.database[HISTORY]
    known = {"_id": {"$lte": position.seq}}
    counted = replace(
        position,
        snapshot_rows=await rows.count_documents({**known, "operation": {"$in": COMPARED}}),
        approximate_rows=await rows.count_documents({**known, "approximate": True}),
    )

    async def write(session: AsyncClientSession) -> None:
        await move_position(writer.database, position, counted, lease_ms=writer.lease_ms, session=session)

    await writer.transaction(write)
    return counted
