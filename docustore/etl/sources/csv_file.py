"""Read a CSV table from a stream.

Encoding, delimiter and columns are detected or configured.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import BinaryIO, Final

import msgspec

from docustore.etl.masking import is_secret
from docustore.etl.sources.csv_columns import ColumnNames, delimiter_of, header_of, record_of, separator_line
from docustore.etl.sources.csv_table import BadRow, split_rows
from docustore.etl.sources.source import BadRecord
from docustore.etl.sources.text_encoding import UTF_8, UTF_16, encoding_of
from docustore.source_settings import SourceSettings

# What fits no encoding becomes lone surrogates, which cost one row. UTF-16 has no bytes to keep.
_ESCAPED: Final = "surrogateescape"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvOptions:
    """What the settings say about a table; None is detected."""

    delimiter: str | None = None
    encoding: str | None = None
    naming: ColumnNames = field(default_factory=ColumnNames)

    @classmethod
    def of(cls, settings: SourceSettings) -> "CsvOptions":
        """Take the options from the settings of a source."""
        naming = ColumnNames.of(settings.map)
        return cls(delimiter=settings.delimiter, encoding=settings.encoding, naming=naming)


def csv_records(stream: BinaryIO, options: CsvOptions, *, max_line: int) -> Iterator[bytes | BadRecord]:
    """Yield each row as the bytes of a JSON object, or as a bad record.

    Raises:
        HeaderMalformedError: The first line is not the header of a table of users.
    """
    # A limit of the whole process, and the default is less than a long text in one field. The row has a limit.
    csv.field_size_limit(max_line)
    encoding = options.encoding or _detected(stream, max_line)
    errors = "replace" if encoding == UTF_16 else _ESCAPED
    with io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline="") as text:
        lines = _lines(text, max_line)
        header, first_line = next(lines, ""), 2
        named = separator_line(header)
        if named is not None:
            header, first_line = next(lines, ""), 3
        delimiter = options.delimiter or named or delimiter_of(header)
        names = header_of(header.removeprefix("\ufeff"), delimiter=delimiter, naming=options.naming)
        record = record_of(names, kept=options.naming.kept)
        has_secrets = any(map(is_secret, names))
        rows = split_rows(
            lines,
            names,
            delimiter=delimiter,
            first_line=first_line,
            max_row_chars=max_line - 1,
            emails=options.naming.emails,
        )
        for row in rows:
            if isinstance(row, BadRow):
                raw = row.text.encode(errors=_ESCAPED)
                yield BadRecord(raw=_without_secrets(raw) if has_secrets else raw, error=row.error)
            else:
                yield msgspec.json.encode(record(row))


def _without_secrets(raw: bytes) -> bytes:
    """Describe a bad row; which of its cells is a secret is unknown."""
    digest = blake2b(raw, digest_size=8).hexdigest()
    return f"(not stored: the table has a column of secrets; {len(raw)} bytes, digest {digest})".encode()


def is_wide_text(head: bytes) -> bool:
    """Tell whether a file starts with the mark of UTF-16."""
    return encoding_of(head, ()) == UTF_16


def _detected(stream: BinaryIO, max_line: int) -> str:
    found = encoding_of(stream.read(len(UTF_8)), _raw_lines(stream, max_line))
    stream.seek(0)
    return found


def _raw_lines(stream: BinaryIO, max_line: int) -> Iterator[bytes]:
    stream.seek(0)
    return iter(lambda: stream.readline(max_line), b"")


def _lines(text: io.TextIOWrapper, max_line: int) -> Iterator[str]:
    """Yield each line with its line break, cut after `max_line` characters."""
    while line := text.readline(max_line):
        yield line
        while line and line[-1] not in "\r\n":
            line = text.readline(max_line)
