"""Users as a CSV table (RFC 4180), and the records of such a table. Pure.

A list is a JSON array. A time is RFC 3339 in UTC. Texts are harmless for spreadsheets (`docustore.exports.cells`).
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from docustore.exports.cells import from_cell, from_optional_cell, to_cell, to_optional_cell
from docustore.exports.columns import COLUMN_NAMES, COLUMNS, Column, ColumnKind, nested, row_of
from docustore.users.stored import RawUser

FLAGS: Final = {"true": True, "false": False}
_MAY_BE_ABSENT: Final = frozenset({ColumnKind.OPTIONAL_TEXT, ColumnKind.TIME})
_LIST_SEPARATOR: Final = ";"
_encode: Final = msgspec.json.Encoder().encode


def header() -> bytes:
    """Return the first line of a table."""
    return _lines([COLUMN_NAMES])


def lines_of(users: Iterable[RawUser]) -> bytes:
    """Return the lines of users."""
    return _lines(
        [to_text(value) for to_text, value in zip(_TO_TEXT, row_of(user), strict=True)] for user in users
    )


def record_of(names: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """Return the record of one line, nested as the API's response.

    An empty cell is an absent value where a value may be absent; otherwise the field is left out. A cell that does
    not fit its column stays text; the validation of the record names it.
    """
    given = ((_BY_NAME[name], cell) for name, cell in zip(names, cells, strict=True))
    return nested(
        (column.path, _FROM_TEXT[column.kind](cell))
        for column, cell in given
        if cell or column.kind in _MAY_BE_ABSENT
    )


def is_known(name: str) -> bool:
    """Tell whether the table has such a column."""
    return name in _BY_NAME


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _labels_to_text(labels: list[str]) -> str:
    return _encode(labels).decode()


def _labels_from_text(cell: str) -> Any:
    text = from_cell(cell).strip()
    if not text.startswith("["):
        # As people write it: `admin;editor`.
        return [label for part in text.split(_LIST_SEPARATOR) if (label := part.strip())]
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return cell


def _flag_to_text(flag: bool | None) -> str:
    return "" if flag is None else "true" if flag else "false"


def _time_to_text(time: datetime | None) -> str:
    return "" if time is None else time.isoformat().replace("+00:00", "Z")


def _number_from_text(cell: str) -> Any:
    return int(cell) if cell.isascii() and cell.isdecimal() else cell or None


def _number_to_text(number: int | None) -> str:
    return "" if number is None else str(number)


_TO_TEXT_OF_KIND: Final[Mapping[ColumnKind, Callable[[Any], str]]] = {
    ColumnKind.TEXT: to_cell,
    ColumnKind.OPTIONAL_TEXT: to_optional_cell,
    ColumnKind.FLAG: _flag_to_text,
    ColumnKind.LABELS: _labels_to_text,
    ColumnKind.TIME: _time_to_text,
    ColumnKind.WHOLE_NUMBER: _number_to_text,
}
_FROM_TEXT: Final[Mapping[ColumnKind, Callable[[str], Any]]] = {
    ColumnKind.TEXT: from_cell,
    ColumnKind.OPTIONAL_TEXT: from_optional_cell,
    ColumnKind.FLAG: lambda cell: FLAGS.get(cell.lower(), cell),
    ColumnKind.LABELS: _labels_from_text,
    ColumnKind.TIME: lambda cell: cell or None,
    ColumnKind.WHOLE_NUMBER: _number_from_text,
}
_TO_TEXT: Final = tuple(_TO_TEXT_OF_KIND[column.kind] for column in COLUMNS)
_BY_NAME: Final[Mapping[str, Column]] = {column.name: column for column in COLUMNS}


def split_lines(text: Iterable[str]) -> Iterator[tuple[int, Sequence[str] | None]]:
    """Yield each row with its first line's number; None for a malformed one."""
    reader = csv.reader(text, strict=True)
    while True:
        first_line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield first_line, None
            continue
        if cells:
            yield first_line, cells
