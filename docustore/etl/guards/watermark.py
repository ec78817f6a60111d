"""Show and set the watermark of a source."""

from datetime import datetime, timedelta
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.audit.log import record
from docustore.database import Database, in_transaction
from docustore.errors import FieldError, InvalidInputError
from docustore.etl.idle import require_idle
from docustore.etl.models import SOURCES

# As far as the clock of a source may be ahead.
MAX_AHEAD: Final = timedelta(minutes=5)


async def read_watermark(database: Database, source: str) -> datetime | None:
    """Return where the next run of a source starts; None reads everything."""
    stored = await database[SOURCES].find_one({"_id": source}, {"watermark": 1})
    watermark: datetime | None = (stored or {}).get("watermark")
    return watermark


async def set_watermark(
    database: Database, source: str, watermark: datetime | None, *, actor: str, now: datetime
) -> None:
    """Set the time from which the next run of a source reads; audited.

    A run that is claimed at the same time does not move it: `ledger.commit` compares it with that of its window.

    Args:
        watermark: None lets the next run read everything.

    Raises:
        InvalidInputError: The time is in the future. All changes until then would be skipped.
        SourceBusyError: A run of the source is running.
    """
    if watermark is not None and watermark > now + MAX_AHEAD:
        detail = "the time is in the future; all changes until then would be skipped"
        raise InvalidInputError((FieldError(pointer="/watermark", code="out_of_range", detail=detail),))

    async def change(session: AsyncClientSession) -> None:
        await require_idle(database, source, session, lane=None)
        before = await database[SOURCES].find_one_and_update(
            {"_id": source},
            {"$set": {"watermark": watermark}, "$setOnInsert": {"paused": False}},
            upsert=True,
            session=session,
        )
        await record(
            database,
            actor=actor,
            action="etl.set_watermark",
            target=f"{SOURCES}/{source}",
            before={"watermark": (before or {}).get("watermark")},
            after={"watermark": watermark},
            session=session,
        )

    await in_transaction(database, change)
