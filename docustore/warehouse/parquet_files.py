"""Write the rows of one table as files, one per day; needs docustore[parquet]."""

import os
from collections import OrderedDict
from contextlib import suppress
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from docustore.exports.parquet_table import ARROW_TYPES
from docustore.warehouse.durable import sync_folder
from docustore.warehouse.manifest import WarehouseFile
from docustore.warehouse.tables import Table

GROUP_ROWS: Final = 5_000
# History goes from day to day; the clocks of several machines mix two days for a moment.
MAX_OPEN_DAYS: Final = 3
PART: Final = ".part"
FILES: Final = "recorded_day=*/*.parquet*"


class TableWriter:
    """The files of one table that a run adds.

    Args:
        content: The first word of the names of the files.
    """

    def __init__(self, folder: Path, table: Table, *, content: str = "changes") -> None:
        self._folder = folder
        self._table = table
        self._content = content
        self._schema = pa.schema([pa.field(each.name, ARROW_TYPES[each.kind]) for each in table.columns])
        self._open: OrderedDict[str, _DayFile] = OrderedDict()
        self._done: list[WarehouseFile] = []

    @property
    def name(self) -> str:
        """The name of the table."""
        return self._table.name

    def add(self, found: dict[str, Any]) -> None:
        """Add the row of one change."""
        recorded_at: datetime = found["recorded_at"]
        day = f"{recorded_at:%Y-%m-%d}"
        file = self._open.get(day)
        if file is None:
            if len(self._open) >= MAX_OPEN_DAYS:
                self._close(next(iter(self._open)))
            file = self._open[day] = _DayFile(
                self._folder / self.name, day, self._schema, content=self._content, first_seq=int(found["_id"])
            )
        self._open.move_to_end(day)
        file.add(self._table.row_of(found), seq=int(found["_id"]))

    def finish(self) -> tuple[WarehouseFile, ...]:
        """Close all files and describe them."""
        for day in list(self._open):
            self._close(day)
        # The manifest must not name a file whose name, or whose folder, a power cut takes away.
        new = {self._folder / file.path for file in self._done}
        for folder in {folder for path in new for folder in (path.parent, path.parent.parent, self._folder)}:
            sync_folder(folder)
        return tuple(self._done)

    def abort(self) -> None:
        """Close the files that are not complete."""
        for file in self._open.values():
            file.abort()

    def _close(self, day: str) -> None:
        path, rows, first_seq, last_seq = self._open[day].close()
        # After: a file that could not be closed is still one to abort.
        del self._open[day]
        with path.open("rb") as stream:
            digest = file_digest(stream, "sha256").hexdigest()
        self._done.append(
            WarehouseFile(
                path=path.relative_to(self._folder).as_posix(),
                day=day,
                rows=rows,
                bytes=path.stat().st_size,
                sha256=digest,
                first_seq=first_seq,
                last_seq=last_seq,
            )
        )


def remove_unlisted(folder: Path, table: str, listed: frozenset[str]) -> int:
    """Remove the files of a table that a killed run left behind."""
    left = [path for path in (folder / table).glob(FILES) if path.relative_to(folder).as_posix() not in listed]
    for path in left:
        path.unlink()
    return len(left)


class _DayFile:
    def __init__(self, folder: Path, day: str, schema: pa.Schema, *, content: str, first_seq: int) -> None:
        self._folder = folder / f"recorded_day={day}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._content = content
        self._first_seq = self._last_seq = first_seq
        self._part = self._folder / f"{content}-{first_seq:012}.parquet{PART}"
        self._schema = schema
        self._writer = pq.ParquetWriter(self._part, schema, compression="zstd")
        self._rows: list[tuple[Any, ...]] = []
        self._count = 0

    def add(self, row: tuple[Any, ...], *, seq: int) -> None:
        self._rows.append(row)
        self._last_seq = seq
        if len(self._rows) >= GROUP_ROWS:
            self._write_group()

    def close(self) -> tuple[Path, int, int, int]:
        self._write_group()
        self._writer.close()
        with self._part.open("rb") as stream:
            os.fsync(stream.fileno())
        path = self._folder / f"{self._content}-{self._first_seq:012}-{self._last_seq:012}.parquet"
        self._part.replace(path)
        return path, self._count, self._first_seq, self._last_seq

    def abort(self) -> None:
        # On a full disk it fails again; the files of the other tables must still be removed.
        with suppress(OSError):
            self._writer.close()
        self._part.unlink(missing_ok=True)

    def _write_group(self) -> None:
        if not self._rows:
            return
        columns = [
            pa.array(values, type=field.type)
            for values, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self._count += len(self._rows)
        self._rows = []
