"""The records of a file as a directory, with the newest held back for later."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec

from docustore.demo.directory import Entry, milliseconds

# Share of the records that is held back and arrives as new records with the advances.
HELD_BACK_SHARE: Final = 0.1
_GZIP_MAGIC: Final = b"\x1f\x8b"


class _Head(msgspec.Struct):
    """The fields that order a record."""

    id: Any = None
    external_id: Any = None
    externalId: Any = None  # noqa: N815  # the spelling of the records, here and below
    modified_at: Any = None
    modifiedAt: Any = None  # noqa: N815
    updated_at: Any = None
    updatedAt: Any = None  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecords:
    """Records of a file; `skipped` counts lines that are not JSON objects."""

    first: tuple[Entry, ...]
    newcomers: tuple[Entry, ...]
    skipped: int


def read_records(path: Path, *, now: datetime) -> FileRecords:
    """Read a file with one JSON record per line, gzip or not.

    The tenth that was modified last is held back. Records keep every byte. A record without a valid modification
    time, or with one in the future, is ordered as if modified `now` (aware UTC).

    Raises:
        OSError: The file cannot be read, or it begins like a gzip file and is none.
    """
    entries: list[Entry] = []
    skipped = 0
    for number, line in enumerate(_lines(path), start=1):
        entry = _entry(line, number, now)
        if entry is None:
            skipped += 1
        else:
            entries.append(entry)
    entries.sort(key=lambda entry: entry.key)
    kept = len(entries) - int(len(entries) * HELD_BACK_SHARE)
    return FileRecords(first=tuple(entries[:kept]), newcomers=tuple(entries[kept:]), skipped=skipped)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as plain:
        is_gzip = plain.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    with cast("IO[bytes]", gzip.open(path, "rb")) if is_gzip else path.open("rb") as stream:
        yield from (line.strip() for line in stream if line.strip())


def _entry(line: bytes, number: int, now: datetime) -> Entry | None:
    try:
        head = msgspec.json.decode(line, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    record_id = head.id or head.external_id or head.externalId or ""
    latest = milliseconds(now)
    modified = _milliseconds_of(
        head.modified_at or head.modifiedAt or head.updated_at or head.updatedAt, default=latest
    )
    return Entry(key=(min(modified, latest), str(record_id), number), raw=line)


def _milliseconds_of(given: Any, *, default: int) -> int:
    try:
        moment = msgspec.convert(given, datetime)
        return milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (msgspec.ValidationError, OverflowError):
        return default
