"""Split a CSV table into rows, so that one bad row costs one row. Pure.

A row that spans several lines is a row with a quoted line break, or the start of an unbalanced quote. A quote that
is never closed, that is followed by other text, or that contains whole rows costs its first line only. The next
line is read as a row again.
"""

import csv
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from docustore.errors import FieldError
from docustore.etl.sources.csv_columns import Row

# A quote that is open for longer is an unbalanced one. Each such quote costs this many lines of reading ahead.
MAX_ROW_LINES: Final = 1000


@dataclass(frozen=True, slots=True)
class BadRow:
    """The text of a row that cannot be read, and the reason."""

    text: str
    error: FieldError


def split_rows(
    lines: Iterator[str],
    names: Row,
    *,
    delimiter: str,
    first_line: int,
    max_row_chars: int,
    emails: Collection[str],
) -> Iterator[Row | BadRow]:
    """Yield each row of a table, in order, without empty lines.

    Args:
        lines: The lines after the header, with their line breaks; undecodable bytes are lone surrogates.
        names: The field of each column.
        first_line: The number of the first of these lines, for error messages.
        max_row_chars: A row that is longer is a bad row. This bounds memory.
        emails: The columns that may hold e-mail addresses. A swallowed row is recognised by the first one.
    """
    email_at = next((at for at, name in enumerate(names) if name in emails), None)
    splitter = _Splitter(lines, len(names), email_at, delimiter=delimiter, max_row_chars=max_row_chars)
    number = first_line
    while (line := splitter.next_line()) is not None:
        if line.strip():
            row, lines_taken = splitter.row(line, number)
            yield row
            number += lines_taken
        else:
            number += 1


class _Splitter:
    def __init__(
        self, lines: Iterator[str], width: int, email_at: int | None, *, delimiter: str, max_row_chars: int
    ) -> None:
        self._lines = lines
        self._ahead: deque[str] = deque()
        self._width = width
        self._email_at = email_at
        self._delimiter = delimiter
        self._max_chars = max_row_chars

    def next_line(self) -> str | None:
        return self._ahead.popleft() if self._ahead else next(self._lines, None)

    def row(self, line: str, number: int) -> tuple[Row | BadRow, int]:
        """Return the row that starts with a line, and how many lines it takes."""
        taken = [line]
        cells = self._cells(taken) if len(line) <= self._max_chars else ()
        chars = len(line)
        while cells is None and len(taken) < MAX_ROW_LINES and chars <= self._max_chars:
            if (following := self.next_line()) is None:
                break
            taken.append(following)
            chars += len(following)
            if '"' in following:
                cells = self._cells(taken)
        if not cells or self._contains_rows(cells):
            self._ahead.extendleft(reversed(taken[1:]))
            if len(line) > self._max_chars:
                return _bad(line, number, "too_large", f"the row has more than {self._max_chars} characters"), 1
            return _bad(line, number, "quote_unbalanced", "a quote is not closed, or not at the end of a field"), 1
        text = "".join(taken)
        if not text.isascii() and any("\udc80" <= char <= "\udcff" for char in text):
            return _bad(text, number, "not_decodable", "the row has bytes that the file's encoding lacks"), len(
                taken
            )
        if len(cells) != self._width:
            problem = f"the row has {len(cells)} fields, the header has {self._width}"
            return _bad(text, number, "field_count", problem), len(taken)
        return cells, len(taken)

    def _cells(self, lines: list[str]) -> Row | None:
        """Split a row; None if a quote is still open, empty if the row is malformed."""
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        try:
            return next(reader)
        except StopIteration:
            return ()
        except csv.Error as exc:
            return None if str(exc) == "unexpected end of data" else ()

    def _contains_rows(self, cells: Row) -> bool:
        """Tell whether a quoted line break is followed by text like a row."""
        return any("\n" in cell and any(map(self._is_row, cell.split("\n")[1:])) for cell in cells)

    def _is_row(self, line: str) -> bool:
        parts = line.split(self._delimiter)
        if len(parts) < self._width or self._width == 1:
            return False
        return self._email_at is None or "@" in parts[self._email_at]


def _bad(text: str, number: int, code: str, problem: str) -> BadRow:
    return BadRow(text, FieldError(pointer="", code=code, detail=f"line {number}: {problem}"))
