"""The manifest of a warehouse folder: which files are part of it.

A reader takes the files from `manifest.json`, never from a listing of the folder: a run that was killed leaves
files that are not complete. The manifest is written last, by a rename.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from docustore.errors import WarehouseError
from docustore.warehouse.durable import sync_folder

MANIFEST: Final = "manifest.json"
FORM: Final = 2


class WarehouseFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file: rows that were recorded on one day (UTC), in the order of `seq`.

    They are changes, or they are late versions.     `path` is relative to the folder.
    """

    path: str
    day: str
    rows: int
    bytes: int
    sha256: str
    first_seq: int
    last_seq: int


class WarehouseTable(msgspec.Struct, frozen=True, kw_only=True):
    """One table; its files overlap in nothing."""

    rows: int = 0
    files: tuple[WarehouseFile, ...] = ()

    def plus(self, files: tuple[WarehouseFile, ...]) -> "WarehouseTable":
        """Return the table with more files."""
        return WarehouseTable(rows=self.rows + sum(file.rows for file in files), files=(*self.files, *files))


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds.

    It has every change up to number `last_seq`, and every late version up to number `last_late`.

    `last_event_id` identifies the store: another store has another event of that number.
    """

    form: int = FORM
    tracked: tuple[str, ...]
    last_seq: int = 0
    last_late: int = 0
    last_event_id: str | None = None
    as_of: datetime | None = None
    tables: dict[str, WarehouseTable] = {}


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest; None for a folder without one.

    Raises:
        WarehouseError: The manifest is damaged or of a newer version.
    """
    try:
        found = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as exc:
        raise WarehouseError(f"{folder / MANIFEST} is damaged ({exc}): export to an empty folder") from exc
    if found.form != FORM:
        raise WarehouseError(f"{folder / MANIFEST} was written by another version: export to an empty folder")
    return found


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step."""
    part = folder / f"{MANIFEST}.part"
    with part.open("wb") as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(folder / MANIFEST)
    sync_folder(folder)
