"""The archive of a store that version 9d56803 wrote; `fixtures/make_store.py` made it."""

import json
import lzma
from pathlib import Path
from typing import Any

from bson import Timestamp
from bson.json_util import CANONICAL_JSON_OPTIONS, loads

from docustore.database import Database
from indexes.apply import apply_indexes

FOLDER = Path(__file__).parent / "fixtures"
AWARE = CANONICAL_JSON_OPTIONS.with_options(tz_aware=True)
USERS = 2031


def old_documents() -> dict[str, list[dict[str, Any]]]:
    documents: dict[str, list[dict[str, Any]]] = {}
    with lzma.open(FOLDER / "store.json.xz", "rt") as archive:
        for line in archive:
            row = loads(line, json_options=AWARE)
            documents.setdefault(row["collection"], []).append(row["document"])
    return documents


def old_files(folder: Path) -> dict[str, Path]:
    """Unpack the files that the old store was loaded from, by source."""
    found = {}
    for name in ("crm", "hr"):
        found[name] = folder / f"{name}.ndjson"
        found[name].write_bytes(lzma.decompress((FOLDER / f"{name}.ndjson.xz").read_bytes()))
        assert json.loads(found[name].read_text().splitlines()[0])
    return found


async def restore(database: Database) -> None:
    """Store the archive, then run the deploy step's first part.

    The stream of another server cannot be resumed here. So the position starts after the restored documents, as it
    does when a store is upgraded in place.
    """
    for name, documents in old_documents().items():
        await database[name].insert_many(documents, bypass_document_validation=True)
    await apply_indexes(database)
    last = (await database.command("ping"))["operationTime"]
    time = Timestamp(last.time, last.inc + 1)
    moved = {"start_at": time, "cluster_time": time, "owner": None, "lease_expires_at": None}
    await database["change_positions"].update_one({"_id": "users"}, {"$set": moved, "$unset": {"token": ""}})
