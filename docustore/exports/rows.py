"""Read the rows of a file: NDJSON, a JSON array, CSV or Parquet; gzip or not.

A row that cannot be read costs one row. A file that is cut short or is no file of users is refused.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import msgspec

from docustore.errors import ConfigurationError, FieldError, SourceContentError
from docustore.etl.sources.file import BLOCK_CHARS, BOM, GZIP_MAGIC
from docustore.etl.sources.json_array import ArrayMalformedError, split_array
from docustore.exports import csv_table
from docustore.exports.encoders import PARQUET, PARQUET_TABLE
from docustore.exports.formats import ExportFormat
from docustore.exports.full_record import NotExtendedJsonError, document_of
from docustore.extras import extra_module

PARQUET_MAGIC: Final = b"PAR1"
HEAD_BYTES: Final = 4096
# A stored user has at most 16 MB, and its text may be some times as long.
MAX_LINE_BYTES: Final = 64_000_000
# The first key of a stored user; the API calls it `id`.
_STORED_ID: Final = "_id"
_NOT_JSON: Final = FieldError(pointer="", code="json_malformed", detail="the line is not JSON in UTF-8")
_NO_OBJECT: Final = FieldError(pointer="", code="not_an_object", detail="the line must be a JSON object")
_NOT_TYPED: Final = FieldError(pointer="", code="type_malformed", detail="a value is not of the type it names")
_TOO_LONG: Final = FieldError(
    pointer="", code="too_large", detail=f"the line has more than {MAX_LINE_BYTES} bytes"
)
_NOT_CSV: Final = FieldError(pointer="", code="quote_unbalanced", detail="a quote is not at the end of a cell")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: a record of the API's form, a stored user, or why it is neither.

    `line` is the number of its line, or of the row in a Parquet file; both from 1.
    """

    line: int
    record: dict[str, Any] | None = None
    stored: dict[str, Any] | None = None
    error: FieldError | None = None


class RowFile:
    """A file of users that is read once, in batches."""

    def __init__(self, path: Path, form: ExportFormat | None = None) -> None:
        self._path = path
        self._form = form
        self._raw: BinaryIO | None = None

    @property
    def size_bytes(self) -> int:
        """The size of the file on disk."""
        return self._path.stat().st_size

    @property
    def read_bytes(self) -> int:
        """How much of the file was read; all of it once it is closed."""
        return self.size_bytes if self._raw is None or self._raw.closed else self._raw.tell()

    def rows(self, *, batch_rows: int) -> Generator[Row, None, None]:
        """Yield every row.

        Raises:
            ConfigurationError: The file cannot be opened, or the package of its format is missing.
            SourceContentError: The file is damaged, cut short, or no file of users.
        """
        try:
            with self._path.open("rb") as raw:
                self._raw = raw
                yield from self._rows(raw, batch_rows)
        except OSError as exc:
            if isinstance(exc, gzip.BadGzipFile):
                raise self._bad("the gzip data is damaged") from exc
            problem = f"cannot read {self._path}: {exc.strerror or exc}"
            raise ConfigurationError(setting="file", problem=problem) from exc
        except (EOFError, zlib.error) as exc:
            raise self._bad("the gzip data is damaged or cut short") from exc
        except UnicodeDecodeError as exc:
            raise self._bad("the table is not UTF-8; save it in that encoding") from exc
        except ArrayMalformedError as exc:
            raise self._bad(f"the JSON array is broken ({exc})") from exc

    def _rows(self, raw: BinaryIO, batch_rows: int) -> Iterator[Row]:
        is_gzip = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        raw.seek(0)
        if not is_gzip:
            yield from self._plain(raw, batch_rows)
            return
        with gzip.open(raw) as stream:
            yield from self._plain(cast("BinaryIO", stream), batch_rows)

    def _plain(self, stream: BinaryIO, batch_rows: int) -> Iterator[Row]:
        head = stream.read(HEAD_BYTES)
        stream.seek(0)
        if head.startswith(PARQUET_MAGIC):
            module = extra_module(PARQUET_TABLE, extra=PARQUET, setting="file")
            found = module.records_in(self._path, batch_rows=batch_rows)
            yield from (Row(line=number, record=record) for number, record in found)
            return
        if self._form is ExportFormat.PARQUET:
            raise self._bad("the file does not start like a Parquet file")
        start = head.removeprefix(BOM).lstrip()[:1]
        if self._form is ExportFormat.CSV or (self._form is None and start not in {b"{", b"["} and start):
            yield from self._table(stream)
        elif start == b"[":
            yield from _elements(stream)
        else:
            yield from _lines(stream)

    def _table(self, stream: BinaryIO) -> Iterator[Row]:
        csv.field_size_limit(MAX_LINE_BYTES)
        with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            lines = csv_table.split_lines(text)
            _, names = next(lines, (1, None))
            unknown = [name for name in names or () if not csv_table.is_known(name)]
            if not names or unknown or len(set(names)) < len(names):
                reason = (
                    f"unknown columns: {', '.join(unknown)[:200]}" if unknown else "no header, or a column twice"
                )
                raise self._bad(
                    f"{reason}; the columns are those of `docustore export --format csv`. To load the table of "
                    "another system, use `docustore etl run`"
                )
            for line, cells in lines:
                yield _row_of(line, names, cells)

    def _bad(self, problem: str) -> SourceContentError:
        return SourceContentError(source=self._path.name, problem=problem)


def _row_of(line: int, names: Any, cells: Any) -> Row:
    if cells is None:
        return Row(line=line, error=_NOT_CSV)
    if len(cells) != len(names):
        detail = f"the row has {len(cells)} cells, the header has {len(names)}"
        return Row(line=line, error=FieldError(pointer="", code="field_count", detail=detail))
    return Row(line=line, record=csv_table.record_of(names, cells))


def _lines(stream: BinaryIO) -> Iterator[Row]:
    number = 0
    while line := stream.readline(MAX_LINE_BYTES):
        number += 1
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield Row(line=number, error=_TOO_LONG)
            continue
        text = line.removeprefix(BOM) if number == 1 else line
        if not text.isspace():
            yield _parsed(number, text)


def _elements(stream: BinaryIO) -> Iterator[Row]:
    with io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape") as text:
        blocks = iter(lambda: text.read(BLOCK_CHARS), "")
        elements = split_array(blocks, max_element_chars=MAX_LINE_BYTES, is_whole_text=True)
        for number, element in enumerate(elements, start=1):
            yield _parsed(number, element.encode(errors="surrogateescape"))


def _parsed(line: int, text: bytes) -> Row:
    try:
        record = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Row(line=line, error=_NOT_JSON)
    if not isinstance(record, dict):
        return Row(line=line, error=_NO_OBJECT)
    if _STORED_ID not in record:
        return Row(line=line, record=record)
    try:
        return Row(line=line, stored=document_of(text))
    except NotExtendedJsonError:
        return Row(line=line, error=_NOT_TYPED)
