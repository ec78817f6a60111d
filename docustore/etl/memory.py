"""What a source remembers between runs, to leave out known content.

It is written in the transaction that marks the run as succeeded. A run that fails, or that loads only a part,
remembers nothing: the next run reads the same content again.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from docustore.database import Database, Document
from docustore.etl.models import RunOptions
from docustore.source_settings import SourceSettings
from docustore.users.fields import HASH_VERSION

MEMORIES: Final = "etl_memories"
# Settings that do not change what a record becomes.
_WITHOUT_EFFECT: Final = {
    "schedule",
    "page_size",
    "timeout_s",
    "max_retries",
    "max_response_mb",
    "limits",
    "new_fields",
    "max_missing_pct",
}

Memory = Document


async def recalled(
    database: Database, source: str, settings: SourceSettings, options: RunOptions
) -> Mapping[str, Any]:
    """Return what the last successful run of a source remembered.

    Nothing is recalled by a run that reads everything, nor after a change of the settings: then known content may
    give other users. A source whose missing records end is always read whole.
    """
    if options.full or settings.deletes == "snapshot" or not _covers_everything(options):
        return {}
    found = await database[MEMORIES].find_one({"_id": source})
    if found is None or found.get("settings") != fingerprint(settings):
        return {}
    memory: Mapping[str, Any] = found["memory"]
    return memory


def memory_of(remembered: dict[str, Any] | None, settings: SourceSettings, options: RunOptions) -> Memory | None:
    """Return the document to store if a run succeeds; None keeps the stored one."""
    if remembered is None or options.dry_run or not _covers_everything(options):
        return None
    return {"settings": fingerprint(settings), "memory": remembered}


def fingerprint(settings: SourceSettings) -> str:
    """Return a digest of what decides how records are read; secrets are left out."""
    text = f"{HASH_VERSION}{settings.model_dump_json(exclude=_WITHOUT_EFFECT)}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _covers_everything(options: RunOptions) -> bool:
    return options.since is None and options.until is None
