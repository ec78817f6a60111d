"""Users as Apache Parquet, and back; needs docustore[parquet].

A file is written front to back, so that it can be sent while it is made. Its end holds the index: a file that was
cut short cannot be opened.
"""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from docustore.errors import SourceContentError
from docustore.exports.columns import COLUMNS, ColumnKind, nested, row_of
from docustore.users.stored import RawUser

# Users are collected to groups of this size. A reader needs memory for one group, and so does the writer.
GROUP_ROWS: Final = 10_000
ARROW_TYPES: Final = {
    ColumnKind.TEXT: pa.string(),
    ColumnKind.OPTIONAL_TEXT: pa.string(),
    ColumnKind.FLAG: pa.bool_(),
    ColumnKind.LABELS: pa.list_(pa.string()),
    ColumnKind.TIME: pa.timestamp("ms", tz="UTC"),
    ColumnKind.WHOLE_NUMBER: pa.int64(),
}
SCHEMA: Final = pa.schema([pa.field(column.name, ARROW_TYPES[column.kind]) for column in COLUMNS])
_BY_NAME: Final = {column.name: column for column in COLUMNS}


class ParquetEncoder:
    """Turns users into the bytes of one file, group by group."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._writer = pq.ParquetWriter(self._sink, SCHEMA, compression="zstd")
        self._rows: list[tuple[Any, ...]] = []

    def begin(self) -> bytes:
        """Return the first bytes of the file."""
        return self._sink.taken()

    def encode(self, users: Iterable[RawUser]) -> bytes:
        """Take users, and return the bytes of the groups that are complete."""
        self._rows += map(row_of, users)
        while len(self._rows) >= GROUP_ROWS:
            self._write_group(self._rows[:GROUP_ROWS])
            del self._rows[:GROUP_ROWS]
        return self._sink.taken()

    def end(self) -> bytes:
        """Return the last group and the index."""
        if self._rows:
            self._write_group(self._rows)
            self._rows = []
        self._writer.close()
        return self._sink.taken()

    def _write_group(self, rows: list[tuple[Any, ...]]) -> None:
        columns = [
            pa.array(values, type=field.type)
            for values, field in zip(zip(*rows, strict=True), SCHEMA, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=SCHEMA))


def records_in(path: Path, *, batch_rows: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the record of each row.

    Raises:
        SourceContentError: The file is no Parquet file of users, or it was cut short.
    """
    try:
        with pq.ParquetFile(path) as file:
            unknown = [name for name in file.schema_arrow.names if name not in _BY_NAME]
            if unknown:
                raise SourceContentError(source=path.name, problem=f"unknown columns: {', '.join(unknown)}")
            number = 0
            for batch in file.iter_batches(batch_size=batch_rows):
                for row in batch.to_pylist():
                    number += 1
                    yield number, nested((_BY_NAME[name].path, value) for name, value in row.items())
    except pa.ArrowException as exc:
        raise SourceContentError(source=path.name, problem="the Parquet file is damaged or cut short") from exc


class _Sink(io.RawIOBase):
    """A file that gives its bytes away; it can tell its position, not seek."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._position += len(part)
        return len(part)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
