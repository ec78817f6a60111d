"""The mapping of the last full read of each source, in `etl_sources`.

A run that reads only changes does not read older records. After a change of the mapping, they stay as the former
mapping gave them until a full read.
"""

from typing import Final

import structlog
from pymongo.errors import PyMongoError

from docustore.database import Database
from docustore.etl.mapping.prepare import mapping_of
from docustore.etl.models import SOURCES, RunOptions
from docustore.source_settings import SourceSettings

log: Final = structlog.get_logger()


async def changed_mapping(database: Database, name: str, source: SourceSettings) -> str | None:
    """Say what to run if the mapping changed since the last full read; else None.

    Raises:
        ConfigurationError: The hook cannot be imported.
    """
    stored = await database[SOURCES].find_one({"_id": name}, {"mapping": 1, "watermark": 1}) or {}
    # A source without a watermark has not been read.
    if stored.get("watermark") is None or (stored.get("mapping") or "") == _digest(name, source):
        return None
    return f"mapping changed since the last full run: run `docustore etl run {name} --full`"


async def note_mapping(
    database: Database, name: str, source: SourceSettings, *, options: RunOptions, is_whole_reading: bool
) -> None:
    """Remember the mapping of a run that has read everything; else log a change.

    The run has succeeded before. A failure here only makes the next run, or `doctor`, ask for a full read.

    Args:
        is_whole_reading: The run has read all records of the source in one attempt. An earlier attempt may have
            had another mapping.
    """
    if options.dry_run:
        return
    try:
        if is_whole_reading and options.since is None and options.until is None:
            await database[SOURCES].update_one({"_id": name}, {"$set": {"mapping": _digest(name, source)}})
        elif (advice := await changed_mapping(database, name, source)) is not None:
            log.warning("etl.mapping_changed", source=name, advice=advice)
    except PyMongoError as exc:
        log.warning("etl.mapping_not_noted", source=name, reason=type(exc).__name__)


def _digest(name: str, source: SourceSettings) -> str:
    mapping = mapping_of(name, source)
    return "" if mapping is None else mapping.digest
